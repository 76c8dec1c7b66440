"""A call in the machine: the picture of its camera and the tone that was played into its sound card arrive."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.devices.recorded import BARS, colour_bars, pictures, sound


def test_the_offerer_without_options_takes_camera_and_microphone(outcome: Callable[[str], Path]) -> None:
    told = (outcome("call") / "offerer.out").read_text()
    assert "sending video: camera" in told
    assert "sending audio: microphone" in told
    assert "test" not in told
    assert (outcome("call") / "offerer.err").read_text() == ""


def test_the_recording_shows_the_cameras_picture(outcome: Callable[[str], Path]) -> None:
    shown = pictures(outcome("call") / "recording.mkv")
    assert len(shown) > 3
    assert all(colour_bars(picture) == BARS for _, picture in shown)


def test_the_tone_that_was_played_into_the_card_is_in_the_recording(outcome: Callable[[str], Path]) -> None:
    """The machine codes sound far slower than it is played: what is recorded is in pieces."""
    heard = sound(outcome("call") / "recording.mkv")
    assert len(heard) > 48000 / 4
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * 48000 / len(heard) - 1000) < 30
