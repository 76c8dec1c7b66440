"""What the numbers of a picture mean, and how they become those of ITU-R BT.601 in limited range, which calls carry.

VP8 knows nothing else (RFC 6386 §9.2), and in H264 it is signalled. Numbers of matrices are those of ITU-T H.273 §8.3.
"""

import functools
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

Plane = npt.NDArray[np.uint8]

BT709, BT601 = 1, 6
_UNTOLD = {0, 2, 3}
"""No matrix (RGB), an unspecified or a reserved one."""
_LUMA = {
    BT709: (0.2126, 0.0722),
    7: (0.212, 0.087),  # SMPTE ST 240
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
"""What red and blue weigh in luma. All others are BT.601, by this or another name, or so rare that nobody has them."""
_STEPS = 16
"""Of a luma level: what is added up is rounded once."""
_GAIN, _FULL_GAIN = 128, 110
"""What makes steps of a luma level, times 8: as much as 16 bits hold. The latter is 219/255 of it, but for 0.1 %."""


def matrix_of(frame: av.VideoFrame, untold: int = BT601) -> int:
    """The matrix of a picture: BT.709, BT.2020, or BT.601 for all that are close to it; `untold` where it has none."""
    matrix = untold if frame.colorspace in _UNTOLD else frame.colorspace
    return matrix if matrix in _LUMA else BT601


def usual_matrix(width: int, height: int) -> int:
    """What players take a film for that does not say it."""
    return BT709 if width >= 1280 or height > 576 else BT601


def is_full(frame: av.VideoFrame) -> bool:
    """Whether luma goes from 0 to 255, in place of 16 to 235."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def to_bt601(planes: list[Plane], targets: list[Plane], matrix: int, *, full: bool) -> None:
    """Convert the Y, U and V planes of a picture in 4:2:0 into others of the same size. Sides are even."""
    more, blue, red = _tables(matrix, full)
    chroma = planes[1].astype(np.uint16)
    chroma <<= 8
    chroma |= planes[2]
    targets[1][:] = blue[chroma]
    targets[2][:] = red[chroma]
    height, width = planes[0].shape
    levels = planes[0].astype(np.int16).reshape(height // 2, 2, width)
    levels *= _FULL_GAIN if full else _GAIN
    levels >>= 3
    levels += np.repeat(more[chroma], 2, axis=1)[:, np.newaxis]
    levels >>= 4
    np.clip(levels, 0, 255, out=levels)
    targets[0][:] = levels.reshape(height, width)


@functools.cache
def _tables(matrix: int, full: bool) -> tuple[npt.NDArray[np.int16], Plane, Plane]:
    """By 256 U + V: what is added to luma, in steps and with half a level to round by; and what U and V become."""
    kr, kb = _LUMA.get(matrix, (0.299, 0.114))
    scale, black = (1.0, 16) if full else (255 / 224, 0)
    u, v = np.meshgrid((np.arange(256) - 128.0) * scale, (np.arange(256) - 128.0) * scale, indexing="ij")
    # Differences from luma, by the matrix that was; luma, and differences from that, by the one that is to be.
    red, blue = 2 * (1 - kr) * v, 2 * (1 - kb) * u
    green = -(kr * red + kb * blue) / (1 - kr - kb)
    more = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        np.rint((more.ravel() * (219 / 255) + black + 0.5) * _STEPS).astype(np.int16),
        _level((blue - more) / 1.772),
        _level((red - more) / 1.402),
    )


def _level(difference: npt.NDArray[np.float64]) -> Plane:
    return np.clip(np.rint(128 + difference.ravel() * 224 / 255), 0, 255).astype(np.uint8)


def tag(picture: "av.VideoFrame | VideoCodecContext") -> None:
    """Say of a picture, or of all that an encoder codes, that its colours are those of BT.601 in limited range."""
    picture.colorspace, picture.color_range = BT601, ColorRange.MPEG
