"""Keeping time: when the next frame of a live track is due."""

import asyncio
import time


class Pacer:
    """Numbers the frames of a track by an absolute clock that starts with the first.

    Waiting for absolute times keeps small delays from adding up. After a long one, from a stalled event loop or
    a slow encoder, the frames that nobody can use any more are skipped rather than made in a burst.
    """

    def __init__(self, rate: float, *, slack: float) -> None:
        """`rate` is in frames a second; frames that are more than `slack` seconds late are skipped."""
        self._rate = rate
        self._slack = slack
        self._start: float | None = None  # set by the first frame
        self._next = 0

    async def next(self) -> int:
        """Wait until a frame is due, and return its number."""
        now = time.monotonic()
        if self._start is None:
            self._start = now
        late = now - self._start - self._next / self._rate
        if late > self._slack:
            self._next = int((now - self._start) * self._rate)
        elif late < 0:
            await asyncio.sleep(-late)
        number = self._next
        self._next += 1
        return number
