"""A call in the machine: the picture of its camera and the tone that was played into its sound card arrive."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np


def pictures(recording: Path) -> list[np.ndarray]:
    with av.open(str(recording)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def sound(recording: Path) -> np.ndarray:
    with av.open(str(recording)) as file:
        parts = [frame.to_ndarray() for frame in file.decode(audio=0)]
    return np.concatenate([part[0] for part in parts])


def colour_bars(picture: np.ndarray) -> list[tuple[bool, bool, bool]]:
    """For each of eight bars, whether there is red, green and blue in it. Text at the left and top is avoided."""
    height, width, _ = picture.shape
    lower = picture[height * 3 // 4 :]
    bars = [np.median(lower[:, width * n // 8 + 8 : width * (n + 1) // 8 - 8], axis=(0, 1)) for n in range(8)]
    return [tuple(bool(value > 90) for value in bar) for bar in bars]


def test_the_offerer_without_options_takes_camera_and_microphone(outcome: Callable[[str], Path]) -> None:
    told = (outcome("call") / "offerer.out").read_text()
    assert "sending video: camera" in told
    assert "sending audio: microphone" in told
    assert "test" not in told
    assert (outcome("call") / "offerer.err").read_text() == ""


def test_the_recording_shows_the_cameras_picture(outcome: Callable[[str], Path]) -> None:
    shown = pictures(outcome("call") / "recording.mkv")
    assert len(shown) > 3
    bars = [
        *((True, True, True), (True, True, False), (False, True, True), (False, True, False)),
        *((True, False, True), (True, False, False), (False, False, True), (False, False, False)),
    ]
    for picture in shown:
        assert colour_bars(picture) == bars


def test_the_tone_that_was_played_into_the_card_is_in_the_recording(outcome: Callable[[str], Path]) -> None:
    heard = sound(outcome("call") / "recording.mkv")
    assert len(heard) > 48000 / 4
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * 48000 / len(heard) - 1000) < 10
