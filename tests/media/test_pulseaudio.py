"""ALSA's `default` through a real PulseAudio, with a sink that leads nowhere and whose monitor is the microphone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mediafiles import strongest_frequency

from tests.network.processes import Process

HEAR = """
import asyncio, sys
from peer.media.sources.opening import open_sources
from peer.media.base.source import SourceRequest

async def hear(name, path):
    (source,) = await open_sources(SourceRequest("none", name), lambda line: print("told:", line, flush=True))
    print("open:", source.label, flush=True)
    (track,) = source.open_tracks()
    loud = 0
    with open(path, "wb", buffering=0) as file:
        while True:
            sound = (await track.recv()).to_ndarray()
            file.write(sound.tobytes())
            loud = loud + 1 if sound.any() else 0
            if loud == 50:
                print("a second of sound", flush=True)

asyncio.run(hear(*sys.argv[1:]))
"""
BLOCK = 960 * 2 * 2  # bytes


class Server:
    """PulseAudio in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "socket"
        self.environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_SERVER": f"unix:{self._socket}"}
        self.start()

    def start(self) -> None:
        """Returns when it can be connected to."""
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-vv"]
        command += ["-L", "module-null-sink rate=48000"]
        command += ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        self._process = Process(command, env={**self.environment, "LC_ALL": "C"})
        self._process.wait_for("Daemon startup complete", error=True, timeout=30)

    def stop(self) -> None:
        self._process.kill()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def play(server: Server, frequency: int) -> Process:
    command = ["speaker-test", "--device", "default", "--test", "sine", "--frequency", str(frequency)]
    return Process([*command, "--channels", "2", "--rate", "48000"], env=server.environment)


def last(file: Path, blocks: int) -> np.ndarray:
    """The end of what was heard, both channels in one: the tone changes between them."""
    data = file.read_bytes()
    return np.frombuffer(data[: len(data) // BLOCK * BLOCK][-blocks * BLOCK :], np.int16).reshape(-1, 2).sum(axis=1)


@pytest.mark.parametrize("name", ["mic", "mic:default", "auto"])
def test_the_microphone_that_pulseaudio_is_set_to_is_heard(server: Server, tmp_path: Path, name: str) -> None:
    heard = tmp_path / "heard"
    with (
        play(server, 700),
        Process([sys.executable, "-c", HEAR, name, str(heard)], env=server.environment) as peer,
    ):
        peer.wait_for("^a second of sound", timeout=60)
        assert peer.stdout[0] == "open: microphone default"
        assert strongest_frequency(last(heard, 50), 48000) == pytest.approx(700, abs=2)
        assert peer.stderr == []


def test_the_microphone_is_taken_back_when_pulseaudio_returns(server: Server, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with Process([sys.executable, "-c", HEAR, "mic", str(heard)], env=server.environment) as peer:
        peer.wait_for("^open: ", timeout=60)
        with play(server, 700):
            peer.wait_for("^a second of sound", timeout=30)
        server.stop()
        peer.wait_for("^told: microphone default .* The call goes on without it until it is back$", timeout=30)
        position = len(peer.stdout)
        server.start()
        with play(server, 500):
            peer.wait_for("^told: microphone default is back$", timeout=30)
            peer.wait_for("^a second of sound", timeout=30, start=position)
            assert strongest_frequency(last(heard, 40), 48000) == pytest.approx(500, abs=5)
        assert peer.stderr == []
