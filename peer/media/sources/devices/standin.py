"""Stands in for a device that gives nothing: its last picture again and again, or silence, so that the call goes on.

The far end would otherwise take the call for dead, and a recording of it would have no time in it.
"""

import asyncio
import time
from collections.abc import Callable

import av
import numpy as np

from peer.media.base.pictures import black, copied
from peer.media.base.sound import BLOCK, RATE, block_frame
from peer.media.base.sound import TIME_BASE as AUDIO_TIME_BASE
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE

PATIENCE = {"video": 0.4, "audio": 0.2}  # seconds without a frame after which it stands in
STEP = {"video": 0.4, "audio": BLOCK / RATE}  # seconds between the frames that stand in
HANGS = 5.0  # seconds without a frame after which it is worth telling

Frame = av.VideoFrame | av.AudioFrame


class StandIn:
    """Between a device and its readers, on the event loop: hands its frames on, and makes others when none come."""

    def __init__(
        self,
        kind: str,
        size: tuple[int, int] | None,
        begin: float,
        put: Callable[[Frame], None],
        hangs: Callable[[], None],
    ) -> None:
        """`put` gets all frames, their time counted from `begin` on the monotonic clock, and never going back.

        `size` is that of a black picture for a device that never gave one. `hangs` is called when nothing came for
        `HANGS` seconds, until something comes.
        """
        self._kind = kind
        self._size = size or (640, 480)
        self._begin = begin
        self._put = put
        self._hangs = hangs
        self._last: av.VideoFrame | None = None
        self._next = 0  # the pts before which no frame may begin any more
        self._heard = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch, unless it does."""
        if self._timer is None:
            self._heard = time.monotonic()
            self._tick()

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def deliver(self, frame: Frame) -> None:
        """Hand on a frame of the device, unless its time is filled already."""
        self._heard = time.monotonic()
        if frame.pts is None or frame.pts < self._next:
            return
        if isinstance(frame, av.VideoFrame):
            self._last = frame
        self._give(frame, frame.pts)

    def _tick(self) -> None:
        quiet = time.monotonic() - self._heard
        patience, step = PATIENCE[self._kind], STEP[self._kind]
        if quiet >= HANGS:
            self._hangs()
        if quiet >= patience:
            self._fill(time.monotonic() - self._begin)
        delay = step if quiet >= patience else patience - quiet
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _fill(self, now: float) -> None:
        if self._kind == "video":
            # The last one may still be on its way through an encoder.
            picture = copied(self._last) if self._last is not None else black(*self._size)
            picture.time_base = VIDEO_TIME_BASE
            self._give(picture, max(self._next, round(now * VIDEO_TIME_BASE.denominator)))
            return
        if self._next < (now - PATIENCE["audio"] / 2) * RATE:  # it was quiet only now, or this program was held up
            self._next = round(now * RATE)
        while self._next <= now * RATE:
            silence = block_frame(np.zeros((BLOCK, 2), np.int16))
            silence.time_base = AUDIO_TIME_BASE
            self._give(silence, self._next)

    def _give(self, frame: Frame, pts: int) -> None:
        frame.pts = pts
        self._next = pts + (BLOCK if self._kind == "audio" else 1)
        self._put(frame)
