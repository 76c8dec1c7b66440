"""`peer devices` in the machine, and devices that can't be had: one clear line and the exit code each."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = Callable[[str], Path]


def ended(outcome: Outcome, name: str) -> tuple[int, str, str]:
    """A command's exit code, its output and its errors."""
    folder = outcome("wrong")
    texts = [(folder / f"{name}.{end}").read_text() for end in ("code", "out", "err")]
    return int(texts[0]), texts[1], texts[2]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no-camera", "camera /dev/video7 is not there (is it plugged in?)"),
        ("no-camera-named", "no camera named Nothing is connected"),
        ("no-card", "microphone hw:5 can't be opened (is there a sound card?)"),
        ("busy-camera", "camera /dev/video0 is in use (close the program that uses it)"),
        ("busy-card", "microphone hw:0,0,0 is in use (close the program that uses it)"),
    ],
)
def test_a_device_that_cannot_be_had_is_one_line(outcome: Outcome, name: str, problem: str) -> None:
    assert ended(outcome, name) == (1, "", f"peer: {problem}; choose another source, or test\n")


def test_an_impossible_size_is_one_line(outcome: Outcome) -> None:
    code, out, errors = ended(outcome, "impossible-size")
    assert (code, out, len(errors.splitlines())) == (1, "", 1)
    assert errors.startswith("peer: camera /dev/video0 gives ")
    assert " in place of 6400x4800 (see peer devices for its sizes)" in errors


def test_the_devices_are_listed_with_what_they_can_do(outcome: Outcome) -> None:
    code, out, errors = ended(outcome, "devices")
    assert (code, errors) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [
        "cameras (--video)",
        "    camera:vivid or camera:platform:vivid-000 or camera:0 or /dev/video0   vivid",
    ]
    assert any(line.startswith("        1280x720 at 1, 2, 4, 5, 10, 12.5 fps: yuyv422, ") for line in lines)
    assert "    mic:Loopback or mic:plughw:CARD=Loopback,DEV=0   Loopback PCM" in lines
    assert any("plughw:CARD=Loopback,DEV=1" in line for line in lines[lines.index("speakers (--play)") :])


def test_a_camera_that_is_in_use_is_listed_as_well(outcome: Outcome) -> None:
    assert ended(outcome, "busy-listed") == ended(outcome, "devices")


def test_the_list_is_there_as_json(outcome: Outcome) -> None:
    code, out, _ = ended(outcome, "devices-json")
    entries = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [entry["kind"] for entry in entries][:2] == ["camera", "microphone"]
    assert entries[0]["value"] == "camera:vivid"
    assert {"format": "yuyv422", "size": [640, 480], "rates": [1, 2, 4, 5, 10, 12.5, 15, 25]} in entries[0]["modes"]
