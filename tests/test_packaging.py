"""What a user gets who installs the wheel: built here, installed into an empty environment, run somewhere else."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from peer import Peer
from tests.network.namespaces import Network

ROOT = Path(__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.log")

# Building asks for hatchling, and installing for aiortc and the like: from a cache that takes seconds, else a minute.
pytestmark = pytest.mark.timeout(400)


def run(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that has to succeed."""
    done = subprocess.run(command, cwd=cwd, env=clean_environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Without what would lead a process back into this repository, or change what it does."""
    ours = ("PEER_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "VIRTUAL_ENV"}


@dataclass(frozen=True)
class Built:
    source: Path
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel made from it, as for a release; of a copy, which nobody edits meanwhile."""
    directory = tmp_path_factory.mktemp("dist")
    source = shutil.copytree(ROOT, directory / "source", ignore=NOT_SOURCE)
    run(sys.executable, "-m", "build", "--outdir", directory, source, cwd=directory)
    return Built(source, *directory.glob("*.whl"), *directory.glob("*.tar.gz"))


@dataclass(frozen=True)
class Installed:
    bin: Path
    elsewhere: Path
    """An empty directory to run the commands in."""

    @contextmanager
    def running(self, command: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """A command that runs, its output captured."""
        with subprocess.Popen(
            [self.bin / command, *arguments],
            cwd=self.elsewhere,
            env=clean_environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, and what it depends on, in an environment with nothing else."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory / "venv", with_pip=True)
    binaries = directory / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    pip = (binaries / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", built.wheel, cwd=elsewhere)
    run(*pip, "check", cwd=elsewhere)
    return Installed(binaries, elsewhere)


@pytest.fixture
def relay_url(installed: Installed) -> Iterator[str]:
    with installed.running("signaling", "--port", "0") as process:
        assert process.stdout
        greeting = process.stdout.readline()
        found = re.search(r"ws://\S+?:\d+", greeting)
        assert found, greeting
        yield found[0]


def test_wheel_holds_both_packages_and_the_page_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    packages = [built.source / "peer", built.source / "signaling"]
    ours = {
        path.relative_to(built.source).as_posix()
        for package in packages
        for path in package.rglob("*")
        if path.is_file()
    }
    assert names == ours
    assert {"peer/py.typed", "signaling/py.typed", "signaling/page/index.html"} <= names


def test_sdist_holds_what_it_takes_to_build_and_to_test(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "Makefile", "README.md", "LICENSE", "peer/py.typed", "signaling/page/index.html"} <= names
    assert "tests/test_packaging.py" in names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


def test_packages_say_their_version_and_where_they_are(installed: Installed) -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert run(installed.bin / "peer", "--version", cwd=installed.elsewhere) == f"webrtc-peer {version[1]}\n"
    program = "import peer.peer, signaling.relay; print(peer.peer.__file__, signaling.relay.__file__)"
    for path in run(installed.bin / "python", "-c", program, cwd=installed.elsewhere).split():
        assert Path(path).is_relative_to(installed.bin.parent)


@pytest.mark.parametrize("package", ["peer", "signaling"])
def test_packages_are_run_as_modules_too(installed: Installed, package: str) -> None:
    by_module = run(installed.bin / "python", "-m", package, "--help", cwd=installed.elsewhere)
    assert by_module == run(installed.bin / package, "--help", cwd=installed.elsewhere)
    assert by_module.startswith(f"usage: {package} ")


def test_signaling_serves_the_whole_page_under_its_policy(built: Built, relay_url: str) -> None:
    address = relay_url.replace("ws:", "http:")
    page = built.source / "signaling" / "page"
    files = [path for path in page.rglob("*") if path.is_file()]
    assert files
    for path in files:
        with urlopen(f"{address}/{path.relative_to(page).as_posix()}") as response:
            assert response.read() == path.read_bytes()
    with urlopen(address) as response:
        assert response.read() == (page / "index.html").read_bytes()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_peer_is_in_a_call(installed: Installed, relay_url: str) -> None:
    sends = ("--video", "test", "--audio", "test", "--size", "320x180")
    with installed.running("peer", "--signaling", relay_url, *sends, "--json", "--once") as process:
        async with Peer(role="answerer", signaling=relay_url, video="none", audio="none") as partner:
            async for frame in partner.video_frames():
                assert (frame.width, frame.height) == (320, 180)
                break
        output, errors = process.communicate(timeout=60)
    events = [json.loads(line) for line in output.splitlines()]
    assert (process.returncode, errors) == (0, "")
    assert [event["event"] for event in events if event["event"] in ("joined", "connected", "ended")] == [
        "joined",
        "connected",
        "ended",
    ]


def test_a_peer_without_a_relay_runs_one_and_ends_on_interrupt(installed: Installed) -> None:
    with Network() as network:  # where the port 8080 is free
        host = network.namespace("host")
        command = (str(installed.bin / "peer"), "--video", "test", "--audio", "none")
        with host.start(*command, cwd=installed.elsewhere) as it:
            address = it.wait_for(r"open in a browser on this machine: +(http://\S+)")[1]
            it.wait_for("waiting for a partner")
            fetch = f"from urllib.request import urlopen; print(urlopen('{address}').read().decode())"
            assert "<title>" in host.run(sys.executable, "-c", fetch)
            code = it.stop(with_signal=signal.SIGINT)
        assert (code, it.stderr) == (130, [])
