"""The partner's sound comes out of the machine's sound card."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np


def test_the_partners_tone_is_played(outcome: Callable[[str], Path]) -> None:
    with wave.open(str(outcome("play") / "heard.wav")) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).sum(axis=1).astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.count_nonzero(heard) > 4800
    assert abs(np.argmax(spectrum) * 48000 / len(heard) - 440) < 30
    assert (outcome("play") / "answerer.code").read_text() == "0"
