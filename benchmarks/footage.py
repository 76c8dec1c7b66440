"""Footage as a texture: some pictures of a film clip, with a camera's noise, that are shown to and fro."""

import itertools
from pathlib import Path

import av
import numpy as np

from tests.media.footage import clip_file

FILM = "bigbuckbunny.mp4"
PICTURES = 20
"""A browser takes 30 MB by way of Playwright; at 1280x720, these are 28."""
NOISE = 3.0
"""Standard deviation of a sensor's noise, of 256 levels."""


def write(file: Path, width: int, height: int, count: int = PICTURES) -> None:
    """The first pictures in yuv420p of this size, one after the other, without a header."""
    chance = np.random.default_rng(1)
    with av.open(str(clip_file(FILM))) as film, file.open("wb") as out:
        for decoded in itertools.islice(film.decode(video=0), count):
            picture = decoded.reformat(width, height, "yuv420p").to_ndarray()
            grain = chance.normal(0, NOISE, (height, width)).round().astype(np.int16)
            picture[:height] = (picture[:height] + grain).clip(0, 255)
            out.write(picture.tobytes())
