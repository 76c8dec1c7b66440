"""What the documents promise: commands that are there, links that lead somewhere, output that the program prints."""

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from peer import ExitCode, PeerOptions, events
from peer.candidate_policy import CandidatePolicy
from peer.cli import main as cli
from peer.cli.commands import COMMANDS
from tests.network.namespaces import Namespace, Network

ROOT = Path(__file__).parents[1]
README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCS = {path.name: path for path in (ROOT / "docs").glob("*.md")}
ALL = [README, CHINESE, ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md", *DOCS.values()]
COMMAND_LINE = DOCS["command-line.md"].read_text()
PEER, SIGNALING = COMMAND_LINE.split("\n## `signaling`\n")

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(path.read_text()) if name == language]


def prose(path: Path) -> str:
    return BLOCK.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def long_options_in_help(module: str) -> set[str]:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    return {name for name in re.findall(r"--[a-z][\w-]*", done.stdout) if not name.startswith("--no-")}


@pytest.mark.parametrize("path", [README, CHINESE], ids=lambda path: path.name)
def test_the_two_commands_are_make_run_and_make_test(path: Path) -> None:
    commands = [line for text in blocks(path, "sh") for line in text.splitlines() if line.startswith("make")]
    assert commands == ["make run", "make test"]
    assert blocks(path, "sh")[0] == "make run\n"
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test"} <= set(targets)


def test_the_gate_runs_the_readmes_test_command() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        assert "://" not in link, "every link stays inside the repository"
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{path.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{path.name} links to {link}"


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    for name in re.findall(r"`((?:peer|signaling|tests|examples|docs)/[\w./-]+)`", path.read_text()):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_every_file_of_a_call_is_in_the_architecture() -> None:
    text = DOCS["architecture.md"].read_text()
    infrastructure = {"__init__.py", "__main__.py"}
    for path in (ROOT / "peer").glob("*.py"):
        assert path.name in infrastructure or f"peer/{path.name}" in text, path.name


def test_every_document_is_linked_from_both_readmes() -> None:
    for path in (README, CHINESE):
        linked = set(re.findall(r"\]\(([^)\s#]+)", path.read_text()))
        assert {f"docs/{name}" for name in DOCS} <= linked
    assert "README.zh-CN.md" in README.read_text()
    assert "README.md" in CHINESE.read_text()


def test_both_readmes_say_the_same() -> None:
    def shape(path: Path) -> list[object]:
        text = path.read_text()
        headings = re.findall(r"^(#+) ", prose(path), re.MULTILINE)
        code = [(name, re.sub(r" *#.*", "", block)) for name, block in BLOCK.findall(text)]
        links = sorted(link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("README"))
        return [headings, code, [link.replace(".zh-CN", "") for link in links]]

    assert shape(README) == shape(CHINESE)


@pytest.mark.parametrize(("module", "text"), [("peer", PEER), ("signaling", SIGNALING)], ids=["peer", "signaling"])
def test_every_option_is_documented_and_no_other(module: str, text: str) -> None:
    table = re.findall(r"^\| (?:`-\w`, )?`(--[\w-]+)", text, re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == long_options_in_help(module)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_commands_in_the_documents_are_understood(path: Path) -> None:
    for line in "".join(blocks(path, "sh")).splitlines():
        command, *arguments = line.split("#")[0].split() or [""]
        if command == ".venv/bin/peer" and arguments[:1] and arguments[0] in COMMANDS:
            continue
        if command == ".venv/bin/peer":
            assert cli.parse(arguments, {})
        elif command.endswith("signaling"):
            assert {word for word in arguments if word.startswith("-")} <= long_options_in_help("signaling")


def test_every_command_is_documented() -> None:
    section = PEER.split("### Other commands")[1].split("###")[0]
    assert re.findall(r"^\| `peer (\w+)[^|]*` \|", section, re.MULTILINE) == list(COMMANDS)


def test_every_exit_code_is_documented() -> None:
    section = PEER.split("### Exit codes")[1].split("###")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) ", section, re.MULTILINE)] == [code.value for code in ExitCode]


def test_every_event_is_documented_with_its_fields() -> None:
    section = PEER.split("### The events of `--json`")[1]
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section, re.MULTILINE))
    known = {event.name: event for event in events.PeerEvent.__subclasses__()}
    assert rows.keys() == known.keys()
    for name, event in known.items():
        for field in fields(event):
            assert f"`{field.name}`" in rows[name], f"{name}.{field.name}"


def test_every_option_of_the_class_is_documented() -> None:
    section = DOCS["python.md"].read_text().split("## `Peer`")[1].split("`PeerOptions`")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == {field.name for field in fields(PeerOptions)}


def error_codes() -> set[str]:
    """What the relay's code makes errors with."""
    codes = set()
    for path in (ROOT / "signaling").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("MessageError"), args=[ast.Constant(code), *_]):
                    codes.add(code)
                case ast.Call(func=ast.Name("Error"), args=[_, ast.Constant(code)]):
                    codes.add(code)
    return codes


def test_every_error_code_of_the_relay_is_documented() -> None:
    table = DOCS["protocol.md"].read_text().split("| code |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == error_codes()


def test_every_candidate_policy_is_documented() -> None:
    for policy in CandidatePolicy:
        assert f"| `{policy}`" in DOCS["protocol.md"].read_text()
        assert f"`{policy}`" in PEER.split("--candidates")[1].splitlines()[0]


@pytest.mark.parametrize("path", [README, CHINESE, DOCS["python.md"]], ids=lambda path: path.name)
def test_python_in_the_documents_is_python(path: Path) -> None:
    for text in blocks(path, "python"):
        compile(text, path.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def words_of_programs() -> list[str]:
    """Every piece of text that the programs may print: what stands between the variable parts."""
    paths = [*(ROOT / "peer").rglob("*.py"), *(ROOT / "signaling").glob("*.py")]
    constants = (
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return [text for text in constants if 12 <= len(text) < 200]


def test_messages_in_the_troubleshooting_are_those_of_the_programs() -> None:
    messages = re.findall(r"^\*\*`(.+?)`", DOCS["troubleshooting.md"].read_text(), re.MULTILINE)
    assert len(messages) > 8
    printed, makefile = words_of_programs(), (ROOT / "Makefile").read_text()
    for message in messages:
        stem = message.partition(" (")[0]
        known = stem in makefile or any(stem in text or text.strip(" :;,(") in message for text in printed)
        assert known, f"no program says {message!r}"


# What the README shows as output, against the program


def shape_of(line: str) -> str:
    """A line of output without what differs from run to run."""
    line = re.sub(r'room "[^"]*"', 'room "..."', line)
    line = re.sub(r"\b(host|srflx|prflx|relay)-(host|srflx|prflx|relay)\b", "TYPE-TYPE", line)
    return re.sub(r"\d+(\.\d+)?", "N", line).rstrip()


def shown() -> tuple[list[str], list[str]]:
    """The two pieces of output in the README: up to the wait for a partner, and one call."""
    start, call = blocks(README, "")
    return start.splitlines(), call.splitlines()


@pytest.fixture
def host() -> Iterator[Namespace]:
    """A machine by itself, where the port 8080 is free; its address is what two peers on it find each other by."""
    with Network() as network:
        host = network.namespace("host")
        network.link(host, network.namespace("other"), ["10.1.0.1/24"], ["10.1.0.2/24"])
        yield host


def test_output_in_the_readme_is_what_the_program_prints(host: Namespace) -> None:
    start, call = shown()
    options: list[str] = []
    if [*Path("/dev").glob("video*"), *Path("/dev").glob("snd/*")]:  # the README is of a machine without devices
        options, start = ["--video", "test", "--audio", "test"], start[2:]
    peer = (sys.executable, "-m", "peer")
    partner = (*peer, "--video", "test", "--audio", "test", "--size", "640x360", "--duration", "1.5")
    with host.start(*peer, *options, cwd=ROOT) as it:
        it.wait_for("^waiting for a partner")
        assert [shape_of(line) for line in it.stdout] == [shape_of(line) for line in start]
        length = len(it.stdout)
        with host.start(*partner, cwd=ROOT) as other:
            assert other.wait() == 0
        it.wait_for("^waiting for a partner", start=length)
        assert it.stop(with_signal=signal.SIGINT) == 130
    assert [shape_of(line) for line in it.stdout[length:]] == [shape_of(line) for line in call]


def test_program_in_the_readme_gets_pictures(host: Namespace) -> None:
    (program,) = blocks(README, "python")
    partner = (sys.executable, "-m", "peer", "--room", "lab", "--video", "test", "--audio", "test")
    with (
        host.start(sys.executable, "-m", "signaling", cwd=ROOT) as relay,
        host.start(sys.executable, "-c", program, cwd=ROOT) as it,
    ):
        relay.wait_for("relay at")
        with host.start(*partner, cwd=ROOT):
            it.wait_for(r"^\(720, 1280, 3\)$")
