"""What can't work, and what there is: each a command that ends by itself."""

from pathlib import Path

from tests.devices.guest.commands import Command

COMMANDS = {
    "devices": ["devices"],
    "devices-json": ["devices", "--json"],
    "no-camera": ["--video", "/dev/video7"],
    "no-card": ["--video", "test", "--audio", "mic:hw:5"],
    "impossible-size": ["--video", "camera", "--size", "6400x4800"],
}


def run(out: Path) -> None:
    for name, arguments in COMMANDS.items():
        code = Command(out, name, *arguments).wait(30)
        (out / f"{name}.code").write_text(str(code))
