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
    "peer.session.negotiation",
    "peer.session.inbox",
    "peer.session.jsep",
    "peer.cli.line_limit",
    "peer.sdp.description",
    "peer.sdp.sections",
    "peer.session.agreement",
    "peer.candidate_policy",
    "peer.ice_servers",
    "peer.events",
    "peer.errors",
    "peer.rtp.assembly",
    "peer.rtp.congestion",
    "peer.rtp.adaptation",
    "peer.media.base.coded",
    "peer.rtp.jitterbuffer",
    "peer.rtp.keyframes",
    "peer.rtp.latency",
    "peer.rtp.opus",
    "peer.rtp.payload",
    "peer.media.sources.devices.modes",
    "peer.rtp.reception",
    "peer.rtp.packet",
    "peer.rtp.soundbuffer",
    "peer.rtp.transportcc",
}
IO_MODULES = {"asyncio", "socket", "ssl", "threading", "websockets", "aiortc", "aioice", "http", "subprocess", "av"}

LEAVES = {"errors", "events", "background", "candidate_policy", "ice_servers", "sdp"}
"""Modules beside the rooms that know nothing of the rooms: whoever needs one may import it, also they each other."""

MAY_IMPORT = {
    "__init__": {"peer", "config", "media.sources", "media.base"},
    "__main__": {"cli"},
    "cli": {
        "peer",
        "config",
        "session",
        "media",
        "media.base",
        "media.encoders",
        "media.sinks",
        "media.sources",
        "media.sources.devices",
        "media.sources.drawn",
    },
    "peer": {"config", "session", "rtp", "media.base", "media.sending", "media.sinks", "media.sources"},
    "session": {"config", "_aiortc", "rtp", "media.base", "media.sending", "media.sinks"},
    "config": {"rtp"},
    "_aiortc": {"rtp", "media.base", "media.encoders"},
    "rtp": set(),
    "media": {"media.sound_cards", "media.sources", "media.sources.devices", "media.sinks.speaker"},
    "media.base": {"rtp"},
    "media.encoders": {"rtp", "media.base"},
    "media.sound_cards": set(),
    "media.sources": {"media.base", "media.sources.devices", "media.sources.drawn", "media.sources.film"},
    "media.sources.devices": {"media.base", "media.sound_cards", "media.sources.drawn"},
    "media.sources.drawn": {"media.base"},
    "media.sources.film": {"rtp", "media.base", "media.encoders", "media.sources.drawn"},
    "media.sending": {"media.base", "media.sources"},
    "media.sinks": {"media.base", "media.sinks.recording", "media.sinks.speaker", "media.sinks.window"},
    "media.sinks.recording": {"media.base"},
    "media.sinks.speaker": {"media.base", "media.sound_cards"},
    "media.sinks.window": {"media.base"},
}
"""For each room of `peer` the rooms that its modules may import from, beside their own and the leaves."""


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


MODULES = {module_of(path) for path in SOURCES}
ROOMS = {module_of(path) for path in SOURCES if path.name == "__init__.py"}


def room_of(module: str) -> str:
    """The room that a module of `peer` stands in, without `peer.`; a module beside the rooms is a room of its own."""
    if module == "peer":
        return "__init__"
    if module.startswith("peer.cli"):
        return "cli"  # its commands and checks are loaded by their names
    room = module if module in ROOMS else module.rpartition(".")[0]
    return (module if room == "peer" else room).removeprefix("peer.")


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_point_down(path: Path) -> None:
    module = module_of(path)
    for imported in imports_of(path):
        if module.startswith("signaling"):
            assert not imported.startswith(("peer", "aiortc", "aioice", "av", "cv2")), f"{module} imports {imported}"
        elif imported in MODULES - ROOMS and imported.startswith("peer."):
            room, other = room_of(module), room_of(imported)
            allowed = LEAVES | {room} | (set() if room in LEAVES else MAY_IMPORT[room])
            assert other in allowed, f"{module} imports {imported}"


def test_the_rooms_form_no_circle() -> None:
    open_rooms = dict(MAY_IMPORT)
    while open_rooms:
        done = {room for room, others in open_rooms.items() if not others & open_rooms.keys()}
        assert done, f"in a circle: {sorted(open_rooms)}"
        open_rooms = {room: others for room, others in open_rooms.items() if room not in done}


def test_every_room_is_on_the_map() -> None:
    rooms = {room_of(module) for module in MODULES - ROOMS if module.startswith("peer.")} | {"__init__"}
    assert rooms - LEAVES == MAY_IMPORT.keys()


def test_peer_uses_only_the_client_side_of_signaling() -> None:
    allowed = {"signaling", "signaling.admission", "signaling.client", "signaling.logs", "signaling.messages"}
    for path in SOURCES:
        module = module_of(path)
        if not module.startswith("peer") or module == "peer.session.local_relay":
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
        if module_of(path) == "peer.cli.main" and node.attr == "_actions":
            continue  # argparse, which has no public list of its options
        assert node.attr in own, f"{path.name}:{node.lineno} touches {ast.unparse(node)}: that belongs into the seam"


STARTERS = {"create_task", "ensure_future", "Thread", "run_in_executor", "run_coroutine_threadsafe"}
SEEN_TO = {
    ("peer.background", "job"),
    ("peer.background", "run"),
    ("peer.session.connection", "self._ice.iceGatherer.gather()"),
    ("peer.session.driver", "job"),
    ("peer._aiortc.ice", "_bounded(ask(server))"),
    ("peer._aiortc.mdns", "_open()"),
    ("peer.media.sinks.window.viewer", "self._read"),
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


@pytest.mark.parametrize("command", ["peer.cli.main", "signaling.cli"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys, {command}\n"
        f"try: {command}.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'av', 'cv2', 'numpy', 'aiortc', 'aioice', 'playwright'} & set(sys.modules)\n"
        "sys.exit(f'loads {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
