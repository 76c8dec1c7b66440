"""The keys, pressed in a real terminal; what the terminal is like afterwards."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from peer import Peer
from peer.cli.keyboard import KEYS, next_camera
from peer.media.base.pictures import planes
from peer.media.listing import Entry
from peer.media.sources.drawn.testpattern import read_test_picture
from tests.network.processes import Process
from tests.peer.content import OPTIONS, PATIENCE

ROOT = Path(__file__).parents[2]


class Terminal:
    """A process with a terminal of its own, as its controlling one."""

    def __init__(self, *command: str) -> None:
        self.master, self._slave = pty.openpty()
        self.before = termios.tcgetattr(self._slave)
        self.said = ""
        self.process = subprocess.Popen(
            # As a terminal program does: without a controlling terminal, Ctrl-C would reach nobody.
            [sys.executable, "-c", LEADER, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str) -> str:
        """Read until it says this, and return all that it said since the last time."""
        deadline = time.monotonic() + PATIENCE
        while (match := re.search(pattern, self.said)) is None:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"it did not say {pattern!r}: {self.said}"
            self.said += os.read(self.master, 4096).decode()
        said, self.said = self.said[: match.end()], self.said[match.end() :]
        return said

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    @property
    def mode(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def sees_keys_at_once(self) -> bool:
        local = self.mode[3]
        assert isinstance(local, int)
        return not local & termios.ICANON and not local & termios.ECHO


LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def relay() -> Iterator[str]:
    with Process([sys.executable, "-m", "signaling", "--port", "0"]) as process:
        yield process.wait_for(r"ws://localhost:\d+", timeout=PATIENCE)[0]


def terminal(relay: str, *options: str) -> Terminal:
    return Terminal("-m", "peer", "--signaling", relay, *OPTIONS, *options)


async def test_keys_mute_show_figures_and_quit(relay: str) -> None:
    with terminal(relay) as it:
        await asyncio.to_thread(it.wait_for, r"press \? for the keys")
        await asyncio.to_thread(it.wait_for, "waiting for a partner")
        it.press("s")
        await asyncio.to_thread(it.wait_for, "no call is running")
        it.press("?")
        said = await asyncio.to_thread(it.wait_for, r"\? this list")
        assert all(f"{key} {meaning}" in said for key, meaning in KEYS.items())
        async with Peer(role="answerer", signaling=relay, video="none", audio="none") as other:
            await asyncio.to_thread(it.wait_for, "connected after")
            it.press("s")
            await asyncio.to_thread(it.wait_for, r" s   sent .*pictures, 320x240.*received nothing")
            it.press("v")
            await asyncio.to_thread(it.wait_for, "muted: picture\r\n")
            async with asyncio.timeout(PATIENCE):
                async for frame in other.video_frames():
                    if planes(frame)[0].max() < 32:
                        break
            it.press("m")
            await asyncio.to_thread(it.wait_for, "muted: picture and sound\r\n")
            it.press("Vm")  # one after the other, capitals too
            await asyncio.to_thread(it.wait_for, "nothing is muted\r\n")
            async with asyncio.timeout(PATIENCE):
                async for frame in other.video_frames():
                    if read_test_picture(planes(frame)[0]) is not None:
                        break
            it.press("x\x1b[A")  # a key without a meaning, and an arrow
            it.press("q")
            assert await asyncio.to_thread(it.wait) == 0
        await asyncio.to_thread(it.wait_for, "call ended after")
        assert it.mode == it.before


def test_c_says_that_there_is_no_camera(relay: str) -> None:
    if [*Path("/dev").glob("video*")]:
        pytest.fail("this machine has cameras: test the key with them")
    with terminal(relay) as it:
        it.wait_for("waiting for a partner")
        it.press("c")
        it.wait_for("there is no camera\r\n")
        it.press("q")
        assert it.wait() == 0


@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM", "a crash"])
def test_the_terminal_is_as_before_whatever_ends_the_peer(relay: str, way: str, tmp_path: Path) -> None:
    crash = tmp_path / "crash.py"  # a defect in the middle of the run
    crash.write_text(
        "import asyncio, sys\nimport peer.peer\nfrom peer.cli.main import main\n"
        "async def defect(self):\n    await asyncio.sleep(2)\n    raise RuntimeError('a defect')\n"
        "peer.peer.Peer.wait = defect\n"
        "sys.exit(main())\n"
    )
    program = [str(crash)] if way == "a crash" else ["-m", "peer"]
    with Terminal(*program, "--signaling", relay, *OPTIONS) as it:
        it.wait_for(r"press \? for the keys")
        assert it.sees_keys_at_once()
        if way == "Ctrl-C":
            it.press("\x03")
        elif way == "SIGTERM":
            it.process.send_signal(signal.SIGTERM)
        assert it.wait() == (1 if way == "a crash" else 130)
        assert it.mode == it.before


def test_the_keys_are_there_again_after_it_was_stopped(relay: str) -> None:
    with terminal(relay) as it:
        it.wait_for("waiting for a partner")
        it.process.send_signal(signal.SIGSTOP)  # what Ctrl-Z would do, if a shell had started it
        _, status = os.waitpid(it.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        termios.tcsetattr(it._slave, termios.TCSADRAIN, it.before)  # as a shell does
        it.process.send_signal(signal.SIGCONT)
        it.press("?")
        it.wait_for(r"\? this list")
        assert it.sees_keys_at_once()
        it.press("q")
        assert it.wait() == 0


def test_json_and_a_pipe_have_no_keys(relay: str) -> None:
    with terminal(relay, "--json") as it:
        it.wait_for('"waiting"')
        assert not it.sees_keys_at_once()
        it.press("q")
        it.press("\x03")
        assert it.wait() == 130
    with Process([sys.executable, "-m", "peer", "--signaling", relay, *OPTIONS]) as process:
        process.wait_for("waiting", timeout=PATIENCE)
        assert not any("keys" in line for line in process.stdout)


CAMERAS = [
    Entry("camera", "camera:FaceTime", ["/dev/video0", "camera:30"]),
    Entry("camera", "camera:/dev/video10"),
    Entry("camera", "camera:/dev/video1"),
]


@pytest.mark.parametrize(
    ("label", "chosen"),
    [
        ("camera /dev/video0 1280x720 30 fps", "camera:/dev/video10"),
        ("camera /dev/video10 1280x720 30 fps", "camera:/dev/video1"),
        ("camera /dev/video1 1280x720 30 fps", "camera:FaceTime"),
        ("camera FaceTime 1280x720 30 fps", "camera:/dev/video10"),
        ("test picture", "camera:FaceTime"),
        ("", "camera:FaceTime"),
    ],
)
def test_the_next_camera(label: str, chosen: str) -> None:
    assert next_camera(CAMERAS, label) == chosen


def test_there_is_no_next_camera_without_another() -> None:
    assert next_camera([], "test picture") is None
    assert next_camera(CAMERAS[:1], "camera /dev/video0 1280x720") is None
    assert next_camera(CAMERAS[:1], "test picture") == "camera:FaceTime"
