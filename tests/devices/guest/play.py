"""The partner's sound is played on the sound card, and recorded where the card gives it back."""

import subprocess
from pathlib import Path

from tests.devices.guest.commands import Command


def run(out: Path) -> None:
    offerer = Command(out, "offerer", "--video", "none", "--audio", "test")
    offerer.wait_for("^waiting for a partner")
    nothing = ("--video", "none", "--audio", "none")
    speaker = ("--play", "plughw:CARD=Loopback,DEV=1")
    answerer = Command(out, "answerer", "--role", "answerer", *nothing, *speaker, "--duration", "8")
    answerer.wait_for("^connected")
    heard = ["arecord", "--quiet", "--device", "plughw:0,0", "--format", "S16_LE", "--channels", "2", "--rate", "48000"]
    subprocess.run([*heard, "--duration", "5", str(out / "heard.wav")], check=True, timeout=60)
    (out / "answerer.code").write_text(str(answerer.wait()))
    offerer.stop()
