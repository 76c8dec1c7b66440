"""The camera is taken away from a running call and given back, then the sound card is; and both are let go of."""

import signal
import time
from pathlib import Path

from tests.devices.guest.commands import Command, Tone, users

DRIVER = Path("/sys/bus/platform/drivers/vivid")
SMALL = ("--video", "camera:vivid", "--size", "320x180", "--fps", "10")


def run(out: Path) -> None:
    with Tone(1000):
        offerer = Command(out, "offerer", *SMALL, "--audio", "mic:Loopback")
        offerer.wait_for("^waiting for a partner")
        nothing = ("--video", "none", "--audio", "none")
        recording = ("--record", str(out / "recording.mkv"))
        answerer = Command(out, "answerer", "--role", "answerer", *nothing, *recording)
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
    for device in ("/dev/video0", "/dev/snd/pcmC0D0c"):
        (out / f"users{device.replace('/', '-')}").write_text(" ".join(users(device)))
