"""`peer doctor`: tries all that a call needs, and says what works, what does not, and what to do about it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from typing import Protocol

from peer.cli.checks import Result, State
from peer.cli.checks.media import check_codecs, check_devices, check_display, check_versions
from peer.cli.checks.network import check_addresses, check_relay, check_servers
from peer.cli.main import parse, parser
from peer.config import PeerOptions
from peer.errors import ExitCode
from signaling.messages import printable

CHECK_SECONDS = 60.0
"""For all devices, or all servers, together; each has a shorter limit of its own."""


class Check(Protocol):
    """One group of checks."""

    def __call__(self, options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
        """Results, as they come."""


CHECKS: dict[str, Check] = {
    "versions": check_versions,
    "network": check_addresses,
    "relay": check_relay,
    "servers": check_servers,
    "codecs": check_codecs,
    "devices": check_devices,
    "display": check_display,
}


def run(arguments: Sequence[str]) -> int:
    """Check this machine for a call with the options of `peer`, which are the same here."""
    it = parser()
    it.prog = "peer doctor"
    it.description = (
        "Tries all that a call needs: devices, relay, STUN and TURN servers, codecs, display. Give it the options of "
        "the call that you have in mind: what they name must work, for exit code 0."
    )
    given, options = parse(arguments, os.environ, it)
    show = _as_json if given.json else _as_line
    failed = asyncio.run(_examine(options, show, verbose=given.verbose > 0, progress=not given.json))
    if not given.json:
        print(f"{failed} of the checks failed" if failed else "all that was asked for works")  # noqa: T201
    return ExitCode.FAILED if failed else ExitCode.DONE


async def _examine(
    options: PeerOptions, show: Callable[[Result, float], None], *, verbose: bool, progress: bool
) -> int:
    """Run all checks, one after another; returns how many failed."""
    failed = 0
    for name, check in CHECKS.items():
        if progress and sys.stderr.isatty():
            print(f"... {name}\r", end="", file=sys.stderr, flush=True)  # noqa: T201 the next line covers it
        begin = time.monotonic()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                async for result in check(options, verbose=verbose):
                    failed += result.state is State.FAILED
                    show(result, time.monotonic() - begin)
                    begin = time.monotonic()
        except TimeoutError:
            failed += 1
            show(Result(name, State.FAILED, f"not done after {CHECK_SECONDS:.0f} s", None), CHECK_SECONDS)
    return failed


def _as_line(result: Result, seconds: float) -> None:
    print(f"{result.check:<12} {result.state:<7} {printable(result.text, 500)}", flush=True)  # noqa: T201
    if result.advice and result.state is not State.OK:
        print(f"{'':<20} {result.advice}", flush=True)  # noqa: T201


def _as_json(result: Result, seconds: float) -> None:
    print(json.dumps({**asdict(result), "seconds": round(seconds, 3)}), flush=True)  # noqa: T201
