"""The camera is taken away from a running call and given back, and let go of in the end."""

import signal
import time
from pathlib import Path

from tests.devices.guest.commands import Command, users

DRIVER = Path("/sys/bus/platform/drivers/vivid")
SMALL = ("--video", "camera:vivid", "--size", "320x180", "--fps", "10")


def run(out: Path) -> None:
    offerer = Command(out, "offerer", *SMALL, "--audio", "none")
    offerer.wait_for("^waiting for a partner")
    recording = ("--record", str(out / "recording.mkv"))
    answerer = Command(out, "answerer", "--role", "answerer", "--video", "none", "--audio", "none", *recording)
    answerer.wait_for("^connected")
    time.sleep(4)  # of picture
    (DRIVER / "unbind").write_text("vivid.0")
    offerer.wait_for("^camera .* The call goes on without it")
    time.sleep(4)  # of still picture
    (DRIVER / "bind").write_text("vivid.0")
    offerer.wait_for("^camera .* is back")
    time.sleep(4)  # of picture again
    (out / "answerer.code").write_text(str(answerer.stop()))
    offerer.wait_for("^waiting for a partner", count=2)
    (out / "offerer.code").write_text(str(offerer.stop(signal.SIGINT)))
    (out / "users-dev-video0").write_text(" ".join(users("/dev/video0")))
