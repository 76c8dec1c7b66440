"""Pictures in yuv420p, the one layout that this package works in: views into frames, scaling, turning, borders."""

import threading
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from peer.media.base.colours import BT601, is_full, matrix_of, tag, to_bt601

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


def to_yuv420p(frame: av.VideoFrame, size: tuple[int, int] | None = None, untold: int = BT601) -> av.VideoFrame:
    """The frame in yuv420p with the colours of BT.601, limited range, scaled to `size` (width, height).

    Itself if it is so already. `untold` is the matrix of one that names none (ITU-T H.273 §8.3).
    """
    width, height = size or (even(frame.width), even(frame.height))
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "ya", "mono")):
        scaled = _reformatted(frame, width, height, ColorRange.UNSPECIFIED)
        tag(scaled)
        return scaled
    matrix, full = matrix_of(frame, untold), is_full(frame)
    if (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p"):
        scaled = frame
    else:
        scaled = _reformatted(frame, width, height, ColorRange.JPEG if full else ColorRange.MPEG)
    if matrix == BT601 and not full:
        return scaled
    result = av.VideoFrame(width, height, "yuv420p")
    to_bt601(planes(scaled), planes(result), matrix, full=full)
    result.pts = frame.pts
    if frame.time_base is not None:
        result.time_base = frame.time_base
    tag(result)
    return result


_local = threading.local()


def _reformatted(frame: av.VideoFrame, width: int, height: int, color_range: ColorRange) -> av.VideoFrame:
    """In yuv420p. Of YUV, the numbers keep their meaning, in this range; all else comes in BT.601, limited range."""
    # One for each thread: making one takes as long as a conversion. More threads than one take longer (seen).
    reformatter: VideoReformatter | None = getattr(_local, "reformatter", None)
    if reformatter is None:
        reformatter = _local.reformatter = VideoReformatter()
    exact = Interpolation.ACCURATE_RND if frame.format.name == "bgr24" else 0  # else up to 3 levels off (seen)
    return reformatter.reformat(
        frame,
        width,
        height,
        "yuv420p",
        # FFmpeg may know nothing of the matrix; where it stays as it is, any will do.
        src_colorspace=Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=color_range,
        dst_color_range=color_range or ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR | exact,
        threads=1,
    )


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
