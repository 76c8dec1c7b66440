"""What can't work, and what there is: each a command that ends by itself."""

import fcntl
import os
import struct
from pathlib import Path

import av

from tests.devices.guest.commands import Command

COMMANDS = {
    "devices": ["devices"],
    "devices-json": ["devices", "--json"],
    "no-camera": ["--video", "/dev/video7"],
    "no-camera-named": ["--video", "camera:Nothing"],
    "no-card": ["--video", "test", "--audio", "mic:hw:5"],
    "impossible-size": ["--video", "camera", "--size", "6400x4800"],
}
REQUEST_BUFFERS = 3 << 30 | 20 << 16 | ord("V") << 8 | 8


def run(out: Path) -> None:
    for name, arguments in COMMANDS.items():
        ends(out, name, arguments)
    with av.open("hw:0,0,0", format="alsa", options={"sample_rate": "48000", "channels": "2"}):
        ends(out, "busy-card", ["--video", "test", "--audio", "mic:hw:0,0,0"])
    camera = os.open("/dev/video0", os.O_RDWR)
    fcntl.ioctl(camera, REQUEST_BUFFERS, struct.pack("5I", 2, 1, 1, 0, 0))  # from now on the camera is ours
    ends(out, "busy-camera", ["--video", "camera"])
    ends(out, "busy-listed", ["devices"])
    os.close(camera)


def ends(out: Path, name: str, arguments: list[str]) -> None:
    code = Command(out, name, *arguments).wait()
    (out / f"{name}.code").write_text(str(code))
