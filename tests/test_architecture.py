"""The cut of the parts: imports point down, logic does no I/O, and only the seam touches what others keep private."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "peer").rglob("*.py"), *(ROOT / "signaling").rglob("*.py")])
SEAM = ROOT / "peer" / "_aiortc"
MAX_LINES = 450

SANS_IO = {
    "signaling.admission",
    "signaling.loopback",
    "signaling.messages",
    "signaling.jsontext",
    "signaling.rooms",
    "signaling.kept",
    "signaling.ratelimit",
    "signaling.framing",
    "signaling.turns",
    "peer.negotiation",
    "peer.inbox",
    "peer.jsep",
    "peer.linelimit",
    "peer.sdp",
    "peer.sections",
    "peer.agreement",
    "peer.candidate_policy",
    "peer.ice_servers",
    "peer.events",
    "peer.errors",
    "peer.media.assembly",
    "peer.media.bitrate",
    "peer.media.fitting",
    "peer.media.coded",
    "peer.media.jitterbuffer",
    "peer.media.keyframes",
    "peer.media.latency",
    "peer.media.opus",
    "peer.media.packets",
    "peer.media.modes",
    "peer.media.reception",
    "peer.media.rtp",
    "peer.media.soundbuffer",
    "peer.media.transportcc",
}
IO_MODULES = {"asyncio", "socket", "ssl", "threading", "websockets", "aiortc", "aioice", "http", "subprocess", "av"}

LAYERS = [
    {"peer.cli", "peer.__main__", "peer.commands"},
    {"peer.peer", "peer.console", "peer.keyboard"},
    {"peer.checks"},
    {"peer.driver", "peer.local_relay", "peer.membership"},
    {"peer.call"},
    {"peer.connection", "peer.network"},
    {"peer.exchange"},
    {"peer.negotiation", "peer.inbox", "peer.linelimit", "peer.stats", "peer.config", "peer.media"},
    {"peer._aiortc"},
    {"peer.agreement"},
    {
        "peer.jsep",
        "peer.sdp",
        "peer.sections",
        "peer.ice_servers",
        "peer.candidate_policy",
        "peer.events",
        "peer.errors",
        "peer.background",
    },
]
"""From the top down: a module imports from its own layer or those below. `peer.media` and the seam share encoders."""
MAY_RISE = {("peer._aiortc", "peer.media")}
"""The seam puts our encoders and our assembly, which know nothing of aiortc's insides, in the place of aiortc's."""


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, wherever in it."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                ancestors = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*ancestors, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def unit_of(module: str) -> str:
    """The part of the map that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "peer" else module


def layer_of(unit: str) -> int | None:
    return next((index for index, layer in enumerate(LAYERS) if unit in layer), None)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_point_down(path: Path) -> None:
    module = module_of(path)
    unit = unit_of(module)
    for imported in imports_of(path):
        if module.startswith("signaling"):
            assert not imported.startswith(("peer", "aiortc", "aioice", "av", "cv2")), f"{module} imports {imported}"
        if not imported.startswith("peer.") or unit == "peer":
            continue
        above, below = layer_of(unit), layer_of(unit_of(imported))
        if below is None:
            continue  # a name of the package, not a module
        assert above is not None, f"{unit} is not on the map: give it a layer"
        assert below >= above or (unit, unit_of(imported)) in MAY_RISE, (
            f"{module} imports {imported}, which is above it"
        )


def test_every_module_of_peer_has_a_layer() -> None:
    units = {unit_of(module_of(path)) for path in SOURCES if module_of(path).startswith("peer.")}
    assert {unit for unit in units if layer_of(unit) is None} == set()


def test_peer_uses_only_the_client_side_of_signaling() -> None:
    allowed = {"signaling", "signaling.admission", "signaling.client", "signaling.logs", "signaling.messages"}
    for path in SOURCES:
        module = module_of(path)
        if not module.startswith("peer") or module == "peer.local_relay":
            continue
        foreign = {name for name in imports_of(path) if name.split(".")[0] == "signaling"}
        used = {".".join(name.split(".")[:2]) for name in foreign} - allowed
        assert used == set(), f"{module} imports {used}"


@pytest.mark.parametrize("module", sorted(SANS_IO))
def test_logic_does_no_io(module: str) -> None:
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    assert {name.split(".")[0] for name in imports_of(path)} & IO_MODULES == set()


@pytest.mark.parametrize("path", [path for path in SOURCES if SEAM not in path.parents], ids=module_of)
def test_only_the_seam_touches_privates(path: Path) -> None:
    """`self._x` is a module's own business, as is what a file's own classes share; `other._x` is not."""
    tree = ast.parse(path.read_text())
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    own = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in attributes:
        if not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            assert not node.attr.startswith("_RTC"), f"{path.name}:{node.lineno} {node.attr}"
            continue
        if path.name == "cli.py" and node.attr == "_actions":
            continue  # argparse, which has no public list of its options
        assert node.attr in own, f"{path.name}:{node.lineno} touches {ast.unparse(node)}: that belongs into the seam"


STARTERS = {"create_task", "ensure_future", "Thread", "run_in_executor", "run_coroutine_threadsafe"}
SEEN_TO = {
    ("peer.background", "job"),
    ("peer.background", "run"),
    ("peer.connection", "self._ice.iceGatherer.gather()"),
    ("peer.driver", "job"),
    ("peer._aiortc.ice", "_bounded(ask(server))"),
    ("peer._aiortc.names", "_open()"),
    ("peer.media.viewer", "self._read"),
}
"""What may be started without `peer.background`: `start_task` and `start_thread` themselves, tasks that are awaited
or whose end is handled where they are made, and the thread of a program of its own."""


def starts(path: Path) -> Iterator[tuple[str, str]]:
    """What a file starts to run beside the rest, but for tasks of a TaskGroup, which awaits them."""
    tree = ast.parse(path.read_text())
    withs = (item for node in ast.walk(tree) if isinstance(node, ast.AsyncWith) for item in node.items)
    groups = {
        ast.unparse(item.optional_vars) for item in withs if item.optional_vars and "TaskGroup" in ast.unparse(item)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name in STARTERS and owner not in groups:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            yield module_of(path), ast.unparse(given["target"] if "target" in given else node.args[0])


def test_nothing_runs_beside_the_rest_and_dies_unseen() -> None:
    modules = [path for path in SOURCES if module_of(path).startswith("peer")]
    found = {start for path in modules for start in starts(path)}
    assert found - SEEN_TO == set(), "start it by peer.background, which tells when it dies"
    assert SEEN_TO - found == set(), "no longer needed"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize("command", ["peer", "signaling"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys, {command}.cli\n"
        f"try: {command}.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'av', 'cv2', 'numpy', 'aiortc', 'aioice', 'playwright'} & set(sys.modules)\n"
        "sys.exit(f'loads {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
