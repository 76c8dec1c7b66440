"""The systems under test, by their names in the tables."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.browser import Chrome, ChromeEnd
from benchmarks.end import EndOptions
from benchmarks.ends import HERE, End, ProgramEnd
from tests.network.namespaces import Namespace

OURS = (sys.executable, "-m", "benchmarks.our_peer")


@dataclass(frozen=True)
class Program:
    """How an end's program is started; its last argument, the options, comes after `command`."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    codecs: tuple[str, ...] = ("VP8", "H264")


CHROME = "chrome"
PROGRAMS = {
    "peer": Program(OURS),
    **{f"peer, {policy} latency": Program((*OURS, f"latency={policy}")) for policy in ("low", "balanced", "smooth")},
    "peer, seam off": Program(OURS, {"PEER_STOCK_AIORTC": "1"}),
    "stock": Program((sys.executable, "-m", "benchmarks.stock_peer")),
    "node": Program(("node", str(HERE / "node" / "end.js")), codecs=("VP8",)),
}
VARIANTS = tuple(name for name in PROGRAMS if name.startswith("peer, "))
"""The peer with other options, and on aiortc as it is."""


def can_code(system: str, codec: str) -> bool:
    """Whether the system has this codec at all."""
    return system == CHROME or codec in PROGRAMS[system].codecs


def make_end(system: str, options: EndOptions, browser: Chrome | None, host: Namespace | None) -> End:
    """An end of the system with this name, in a namespace if one is given: a browser is in its own already."""
    if browser is not None:
        return ChromeEnd(browser, options)
    program = PROGRAMS[system]
    command = host.command(*program.command) if host else program.command
    return ProgramEnd(command, options, program.env)
