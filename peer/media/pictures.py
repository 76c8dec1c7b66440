"""Pictures in yuv420p, the one layout that this package works in: views into frames, scaling, turning, borders."""

from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

Plane: TypeAlias = npt.NDArray[np.uint8]

BLACK, WHITE = 16, 235  # luma in the limited range of ITU-R BT.601; neutral chroma is 128
NEUTRAL = 128


def planes(frame: av.VideoFrame) -> list[Plane]:
    """Views of the Y, U and V planes of a yuv420p frame, without the padding at the end of lines.

    Writing to a view changes the frame.
    """
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]


def black(width: int, height: int) -> av.VideoFrame:
    """A new black frame."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(planes(frame), (BLACK, NEUTRAL, NEUTRAL), strict=True):
        plane[:] = value
    return frame


def even(value: float) -> int:
    """The nearest usable side of a yuv420p picture: even, and at least 2."""
    return max(2, 2 * round(value / 2))


def fitted(width: float, height: float, limit: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of this shape that fits into `limit`, never larger than the picture itself."""
    scale = min(1.0, limit[0] / width, limit[1] / height)
    return min(even(width * scale), limit[0] & ~1), min(even(height * scale), limit[1] & ~1)


def to_yuv420p(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> av.VideoFrame:
    """The frame in yuv420p, limited range, scaled to `size` (width, height); itself if it is so already."""
    width, height = size or (even(frame.width), even(frame.height))
    full_range = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    if (frame.width, frame.height, frame.format.name, full_range) == (width, height, "yuv420p", False):
        return frame
    return frame.reformat(width, height, "yuv420p", dst_color_range="MPEG", interpolation="BILINEAR")


def copied(frame: av.VideoFrame) -> av.VideoFrame:
    """The same yuv420p picture in memory of its own, without a time."""
    result = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for target, plane in zip(planes(result), planes(frame), strict=True):
        target[:] = plane
    return result


def letterboxed(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    """The whole picture, as large as it fits into `size` (width, height), with black around it."""
    width, height = size
    scale = min(width / frame.width, height / frame.height)
    inner = min(even(frame.width * scale), width), min(even(frame.height * scale), height)
    scaled = to_yuv420p(frame, inner)
    if inner == size:
        return scaled
    result = black(width, height)
    left, top = (width - inner[0]) // 4 * 2, (height - inner[1]) // 4 * 2
    for index, (target, plane) in enumerate(zip(planes(result), planes(scaled), strict=True)):
        x, y = (left, top) if index == 0 else (left // 2, top // 2)
        target[y : y + plane.shape[0], x : x + plane.shape[1]] = plane
    return result
