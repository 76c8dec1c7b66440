"""Reads what the answerer in the machine has recorded, and knows the camera's picture."""

from pathlib import Path

import av
import numpy as np

Picture = np.ndarray

WHITE, YELLOW, CYAN, GREEN = (True, True, True), (True, True, False), (False, True, True), (False, True, False)
MAGENTA, RED, BLUE, BLACK = (True, False, True), (True, False, False), (False, False, True), (False, False, False)
BARS = [WHITE, YELLOW, CYAN, GREEN, MAGENTA, RED, BLUE, BLACK]


def pictures(recording: Path) -> list[tuple[float, Picture]]:
    """All pictures, red, green and blue, and when each is shown, in seconds."""
    with av.open(str(recording)) as file:
        return [(frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def colour_bars(picture: Picture) -> list[tuple[bool, ...]]:
    """For each of eight bars, whether there is red, green and blue in it. The text above is left out."""
    height, width, _ = picture.shape
    bottom = picture[height * 7 // 8 :]
    bars = [np.median(bottom[:, width * n // 8 + 8 : width * (n + 1) // 8 - 8], axis=(0, 1)) for n in range(8)]
    return [tuple(bool(value > 90) for value in bar) for bar in bars]


def moves(earlier: Picture, later: Picture) -> bool:
    """Whether the time that the camera writes is another: its digits are black and white, coding is not as wrong."""
    return bool(np.abs(earlier.astype(int) - later).mean(axis=2).max() > 90)


def sound(recording: Path) -> Picture:
    """Both channels in one, 48 kHz: the tone changes between them."""
    with av.open(str(recording)) as file:
        return np.concatenate([frame.to_ndarray().sum(axis=0) for frame in file.decode(audio=0)])
