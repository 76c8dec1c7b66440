"""The moving picture that every system sends: like a photograph to an encoder, and the same in every language.

A still, the texture, is made once. Every frame shows it as a camera that stands would, and in front of it an inset, a
part of it, that moves to and fro as a person does; over the top eighth lies the bar code.

The other picture is footage: a texture of several stills, one after another to and fro, and no inset.

All of it is integers, so that `chrome/picture.js` draws the same picture from the same texture, and a receiver can
draw what was sent once more to compare it with what came.
"""

import fractions
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from aiortc import MediaStreamError, MediaStreamTrack

from benchmarks import barcode
from benchmarks.barcode import Plane
from peer.media.base.pacing import Pacer
from peer.media.base.pictures import planes

LEAVES = 250
TIME_BASE = fractions.Fraction(1, 90000)


@dataclass(frozen=True)
class Texture:
    """A still in yuv420p, of the picture's size."""

    planes: tuple[Plane, Plane, Plane]

    @classmethod
    def make(cls, width: int, height: int, seed: int = 1) -> "Texture":
        """Dead leaves: discs of all sizes, one over the other, have the statistics of photographs. A little noise
        stands for what is finer."""
        chance = np.random.default_rng(seed)
        size = (height, width)
        made = [np.full((size[0] >> shift, size[1] >> shift), 128, np.uint8) for shift in (0, 1, 1)]
        # Many small and few large ones: the radius has a density of r^-3.
        radii = height / 15 / np.sqrt(1 - chance.random(LEAVES) * (1 - 0.2**2))
        centres = chance.random((LEAVES, 2)) * (size[1], size[0])
        colours = np.stack([chance.integers(30, 220, LEAVES), *chance.normal(128, 22, (2, LEAVES)).clip(50, 200)])
        for radius, centre, colour in sorted(zip(radii, centres, colours.T, strict=True), key=lambda leaf: -leaf[0]):
            for plane, value, shift in zip(made, colour, (0, 1, 1), strict=True):
                x, y, r = (int(v) >> shift for v in (*centre, radius))
                cv2.circle(plane, (x, y), r, int(value), -1, cv2.LINE_8)
        noise = cv2.GaussianBlur(chance.normal(0, 1, size).astype(np.float32), (0, 0), 1.0)
        luma = (cv2.GaussianBlur(made[0], (0, 0), 1.5) + noise).clip(16, 235).astype(np.uint8)
        return cls((luma, made[1], made[2]))

    def write(self, file: Path) -> None:
        """The three planes, one after the other, without a header."""
        file.write_bytes(b"".join(plane.tobytes() for plane in self.planes))

    @classmethod
    def read(cls, file: Path, width: int, height: int) -> "list[Texture]":
        """What `write` wrote, for pictures of this size, however many of them the file holds."""
        luma, half = height * width, (height // 2, width // 2)
        stills = np.fromfile(file, np.uint8).reshape(-1, luma * 3 // 2)
        return [
            cls((data[:luma].reshape(height, width), *(part.reshape(half) for part in np.split(data[luma:], 2))))
            for data in stills
        ]


class MovingPicture:
    """Draws the frames of one size."""

    def __init__(self, stills: Sequence[Texture], width: int, height: int) -> None:
        self._stills = stills
        self._size = (width, height)

    def draw(self, counter: int, clock_ms: int) -> av.VideoFrame:
        """Frame number `counter`, made at this Unix time in milliseconds."""
        width, height = self._size
        frame = av.VideoFrame(width, height, "yuv420p")
        views = planes(frame)
        inset_width, inset_height = width // 16 * 2, height // 12 * 2
        last = len(self._stills) - 1
        stills = self._stills[to_and_fro(counter, last) if last else 0]
        inset = (2 * to_and_fro(counter, (width - inset_width) // 2), height // 4 * 2 - height // 8)
        for index, (view, still) in enumerate(zip(views, stills.planes, strict=True)):
            shift = 1 if index else 0
            view[:] = still
            if last:
                continue
            x, y, w, h = (value >> shift for value in (*(v // 2 * 2 for v in inset), inset_width, inset_height))
            view[y : y + h, x : x + w] = still[:h, :w]
        barcode.draw(views[0], counter, clock_ms)
        return frame


def to_and_fro(step: int, reach: int) -> int:
    """0, 1, ... reach, ... 1, 0, 1, ..."""
    return reach - abs(step % (2 * reach) - reach)


class PictureTrack(MediaStreamTrack):
    """The moving picture in real time; the time in the code is the one at which the frame was begun."""

    kind = "video"

    def __init__(self, picture: MovingPicture, fps: float) -> None:
        super().__init__()
        self._picture = picture
        self._fps = fps
        self._pacer = Pacer(fps, slack=1 / fps)

    async def recv(self) -> av.VideoFrame:
        """Wait until the next frame is due, then draw it."""
        slot = await self._pacer.next()
        if self.readyState != "live":
            raise MediaStreamError
        frame = self._picture.draw(slot, int(time.time() * 1000))
        frame.pts = round(slot * 90000 / self._fps)
        frame.time_base = TIME_BASE
        return frame
