"""A call: the offerer has no options and takes camera and microphone, the answerer records it."""

from pathlib import Path

from tests.devices.guest.commands import Command, Tone, users


def run(out: Path) -> None:
    with Tone(1000):
        offerer = Command(out, "offerer")
        offerer.wait_for("^waiting for a partner")
        recording = out / "recording.mkv"
        nothing = ("--video", "none", "--audio", "none")
        keep = ("--record", str(recording), "--stats", "1")
        answerer = Command(out, "answerer", "--role", "answerer", *nothing, *keep)
        answerer.wait_for(r"received \d{2,} pictures, \d+x\d+, (0\.[4-9]|[1-9]\d*\.\d) s of sound")
        (out / "answerer.code").write_text(str(answerer.stop()))
        (out / "offerer.code").write_text(str(offerer.stop()))
    for device in ("/dev/video0", "/dev/snd/pcmC0D0c"):
        (out / f"users{device.replace('/', '-')}").write_text(" ".join(users(device)))
