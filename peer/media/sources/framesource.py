"""A source that a program feeds: pictures that it made, sent as the newest one at any moment."""

import asyncio
import threading
import time
from weakref import WeakSet

import av
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamError, MediaStreamTrack

from peer.media.base.frames import FrameStream
from peer.media.base.pictures import copied, to_yuv420p
from peer.media.base.threads import call_on_loop
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE

REPEAT_SECONDS = 1.0  # so often the last picture is sent again, when there is no newer one
SIDES = (2, 16384)  # pixels


class FrameSource:
    """Sends the pictures of a program: `send` each, whenever it is ready, and pass the source to `Peer(sources=[...])`.

    A picture replaces the one before it, if that was not fetched yet: a program that is faster than the call loses some
    pictures, and nothing piles up. The last one stays: a partner who comes later gets it at once.
    """

    kinds = frozenset({"video"})

    def __init__(self, label: str = "pictures of the program") -> None:
        self.label = label
        self._begin = time.monotonic()
        self._last: av.VideoFrame | None = None
        self._tracks: WeakSet[_FedTrack] = WeakSet()
        self._lock = threading.Lock()  # a program's thread sends while the loop opens a track for the next call

    def send(self, picture: "npt.NDArray[np.uint8] | av.VideoFrame") -> None:
        """Send a picture: an array of height x width x 3, uint8, in BGR as OpenCV has it, or an `av.VideoFrame`.

        An array may be used again afterwards: it is copied. Odd sides are scaled to even ones. May be called from any
        thread. Raises ValueError for anything else, with what it should have been.
        """
        frame = picture if isinstance(picture, av.VideoFrame) else bgr_frame(picture)
        converted = to_yuv420p(frame)
        if converted is frame:
            converted = copied(frame)  # it gets a time of its own, and must not change under the encoder
        with self._lock:
            self._last = _stamped(converted, self._begin)
            tracks = list(self._tracks)
        for track in tracks:
            track.offer(converted)

    def open_tracks(self) -> list[MediaStreamTrack]:
        """One new track, which begins with the last picture, if there is one."""
        track = _FedTrack(self._begin)
        with self._lock:
            self._tracks.add(track)
            last = self._last
        if last is not None:
            track.frames.put(last)
        return [track]

    async def close(self) -> None:
        """End the tracks."""
        with self._lock:
            tracks = list(self._tracks)
        for track in tracks:
            track.stop()


class _FedTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, begin: float) -> None:
        super().__init__()
        self.frames: FrameStream[av.VideoFrame] = FrameStream(1)
        self._begin = begin
        self._event_loop = asyncio.get_running_loop()
        self._last: av.VideoFrame | None = None

    def offer(self, frame: av.VideoFrame) -> None:
        """From any thread."""
        call_on_loop(self._event_loop, self.frames.put, frame)

    async def recv(self) -> av.VideoFrame:
        """The newest picture, as soon as it is there; the last one again, when there is none for long."""
        try:
            async with asyncio.timeout(None if self._last is None else REPEAT_SECONDS):
                self._last = await anext(self.frames)
        except StopAsyncIteration:
            raise MediaStreamError from None
        except TimeoutError:
            self._last = copied(self._last) if self._last is not None else None
            if self._last is None or self.readyState != "live":
                raise MediaStreamError from None
            _stamped(self._last, self._begin)
        return self._last

    def stop(self) -> None:
        """End the track."""
        super().stop()
        self.frames.close()


def bgr_frame(picture: object) -> av.VideoFrame:
    """A frame of an array in BGR. Raises ValueError, in words that can follow "it returned"."""
    if not isinstance(picture, np.ndarray):
        raise ValueError(f"{type(picture).__name__} in place of an array of height x width x 3, uint8")  # noqa: TRY004
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        shape = " x ".join(map(str, picture.shape)) or "no dimension"
        raise ValueError(f"an array of {shape}, {picture.dtype}, in place of height x width x 3, uint8")
    if not all(SIDES[0] <= side <= SIDES[1] for side in picture.shape[:2]):
        height, width = picture.shape[:2]
        raise ValueError(f"a picture of {width}x{height}, in place of one with sides from {SIDES[0]} to {SIDES[1]}")
    height, width = picture.shape[:2]
    # Of four bytes a pixel: FFmpeg converts those of three as quickly, but up to 3 levels off (seen).
    frame = av.VideoFrame(width, height, "bgr0")
    (plane,) = frame.planes
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    pixels = lines[:, : 4 * width].reshape(height, width, 4)
    for channel in range(3):  # one by one: six times quicker than all at once
        pixels[..., channel] = picture[..., channel]
    return frame


def _stamped(frame: av.VideoFrame, begin: float) -> av.VideoFrame:
    """The frame, with this moment as its time; `begin` is 0."""
    frame.time_base = VIDEO_TIME_BASE
    frame.pts = round((time.monotonic() - begin) * VIDEO_TIME_BASE.denominator)
    return frame
