"""Plays a live stream: what is newest, in sync, for as long as it takes, however often it breaks off."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterable

import av

from peer.errors import MediaError
from peer.media.sources.film.decoding import Film, frames_of
from peer.media.sources.film.film import open_film, shown
from peer.media.sources.film.passer import Passed
from peer.media.sources.film.playout import CODED_SLACK, Playout, Ready

ROOM = 0.5  # seconds of each kind that wait for a slow call before the oldest are dropped
WINDOW = 2.0  # seconds in which the frame that came quickest tells how late the stream is
STALL = 0.5  # after so many seconds without anything, the stream may be later than it was
STEADY = 0.04  # the clock is left as it is where it is off by less, for each change is heard
SOUND_SLACK = 0.25  # seconds that sound may be late
RETRY = 1.0  # seconds between attempts to connect again


def play_live(film: Film, playout: "LivePlayout", tell: Callable[[str], None]) -> None:
    """Put the frames of a stream into a playout until nobody listens; connect again when it ends or breaks off.

    Blocks; for a thread, in which `tell` is called when the stream is lost and when it is back.
    """
    name, lost = shown(film.url), False
    try:
        while not playout.abandoned:
            try:
                with open_film(film.url, film.options) as file:
                    begin = time.monotonic()
                    for kind, ready in frames_of(file, film, playout.wish):
                        if lost:
                            tell(f"{name} is back")
                            lost = False
                        playout.put(kind, dataclasses.replace(ready, time=begin + ready.time))
                        if playout.abandoned:
                            return
                problem = "ended"
            except (MediaError, av.FFmpegError) as error:
                problem = (
                    f"broke off: {(error.strerror or 'it failed').lower()}"
                    if isinstance(error, av.FFmpegError)
                    else "is away"
                )
            if not lost and not playout.abandoned:
                tell(f"{name} {problem}. The call goes on with a still picture until it is back")
                lost = True
            playout.wait_unless_abandoned(RETRY)
    finally:
        playout.finish()


class LiveClock:
    """When to play what comes, by how long it takes: as soon as it is there, but the kinds in step. Does no I/O.

    The delay of a kind is that of its quickest frame of late; the slowest kind sets the pace. All times in seconds on
    one clock; those of frames may be off by any constant.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._delays: dict[str, tuple[float, float]] = {}  # the least of the window before, and of this one
        self._kinds = frozenset(kinds)
        self._turned_at = self._arrived_at = float("-inf")
        self.delay = 0.0
        """What to add to a frame's time."""

    def arrived(self, kind: str, time_: float, now: float) -> None:
        """A frame of this time has come."""
        if now - self._arrived_at > STALL:
            self._delays.clear()
        elif now - self._turned_at > WINDOW:
            self._delays = {each: (least, float("inf")) for each, (_, least) in self._delays.items()}
            self._turned_at = now
        self._arrived_at = now
        before, least = self._delays.get(kind, (float("inf"), float("inf")))
        self._delays[kind] = before, min(least, now - time_)
        delay = max(least for pair in self._delays.values() if (least := min(pair)) < float("inf"))
        if abs(delay - self.delay) > STEADY:
            self.delay = delay


class LivePlayout(Playout):
    """A playout that never makes the stream wait, and drops what a slow call leaves."""

    def __init__(self, kinds: Iterable[str], loop: asyncio.AbstractEventLoop) -> None:
        kinds = frozenset(kinds)
        super().__init__(kinds, loop)
        self._clock = LiveClock(kinds)
        self._begin = time.monotonic()
        self._given = dict.fromkeys(kinds, -1.0)  # the time of each kind's last frame

    def put(self, kind: str, ready: Ready) -> None:
        """Add a frame, in place of those that have waited too long."""
        with self._changed:
            if kind not in self._stock:
                return
            frames = self._stock[kind]
            while frames and ready.time - frames[0].time > ROOM:
                self._forget_first(kind)
            frames.append(ready)
            self._bytes += ready.size
            self._clock.arrived(kind, ready.time, time.monotonic())
            self._wake(kind)

    def wait_unless_abandoned(self, seconds: float) -> None:
        """Let some time pass; less, when nobody listens any more."""
        with self._changed:
            self._changed.wait_for(lambda: self.abandoned, timeout=seconds)

    async def get(self, kind: str) -> Ready:
        """Wait until the next frame is due: the newest picture, or the next of the sound."""
        self.taken = True
        while True:
            ready, _ = await self._next(kind)
            if self._is_torn(ready):
                continue
            late = time.monotonic() - ready.time - self._clock.delay
            moment = ready.time + self._clock.delay - self._begin
            if moment <= self._given[kind] or self._is_too_late(kind, ready, late):
                self._note_drop(ready)
                continue
            if late < 0:
                await asyncio.sleep(-late)
            self._given[kind] = moment
            return dataclasses.replace(ready, time=moment)

    @property
    def now(self) -> float:
        """The time that a frame has which is given now. No later frame has an earlier one."""
        return time.monotonic() - self._begin

    def repeated(self, kind: str) -> float:
        """The time for giving the last frame of a kind again."""
        self._given[kind] = max(self._given[kind] + 0.001, self.now)
        return self._given[kind]

    def _is_too_late(self, kind: str, ready: Ready, late: float) -> bool:
        if isinstance(ready.content, Passed):
            return late > CODED_SLACK
        if kind == "audio":
            return late > SOUND_SLACK
        with self._changed:  # a newer picture is due as well
            frames = self._stock.get(kind)
            return bool(frames and time.monotonic() >= frames[0].time + self._clock.delay)
