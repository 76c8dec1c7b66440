"""Between a thread that decodes a file and the tracks that play it: a little stock of frames, and one clock for all."""

import asyncio
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import av
import numpy as np

from peer.media.base.codedtrack import CodedWish
from peer.media.base.sound import Samples
from peer.media.base.threads import call_on_loop
from peer.media.sources.film.passer import Passed

LEAD = 0.3  # seconds of each kind to keep ready
MOST_BYTES = 48 << 20  # and at most so much, where a kind is rare and all the other has to be kept until it comes
SLACK = 0.1  # seconds that a frame may be late
CODED_SLACK = 1.0  # the same for a coded picture: without it, those after it are lost as well


@dataclass(frozen=True)
class Ready:
    """A picture, or 20 ms of sound, and when it is played: in seconds from the beginning of the file."""

    time: float
    content: av.VideoFrame | Samples | Passed
    duration: float = 0.0  # seconds

    @property
    def size(self) -> int:
        """In bytes."""
        if isinstance(self.content, av.VideoFrame):
            return sum(plane.buffer_size for plane in self.content.planes)
        return len(self.content.data) if isinstance(self.content, Passed) else self.content.nbytes


class PlayedOut(Exception):  # noqa: N818 not an error: the file is at its end, or the track was stopped
    """There are no more frames."""


class Playout:
    """The stock and the clock of one call's tracks.

    The clock starts with the first frame that is asked for; with the second, if that is a coded picture, which senders
    take ahead of a connection: those after it are of no use without it, and must not become overdue meanwhile.
    When the stock is empty and the next frame comes too late, because a disk or a network was slow, the clock is set
    back for all kinds, so they stay in sync. When it is the caller who is late, frames are dropped.
    """

    def __init__(self, kinds: Iterable[str], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = threading.Condition()
        self._stock: dict[str, deque[Ready]] = {kind: deque() for kind in kinds}  # of the kinds still listened to
        self._bytes = 0
        self._ended: set[str] = set()  # the kinds of which no more will come
        self._arrived = {kind: asyncio.Event() for kind in self._stock}
        self._origin: float | None = None  # when time 0 is played, on the monotonic clock; set with the first frame
        self._set_back = 0.0
        self.wish = CodedWish()
        self._torn = False  # whether a coded picture was dropped, so that those that build on it are of no use
        self.taken = False  # whether any frame was asked for
        self._shown_first = False

    # The decoder's side, in its thread.

    def put(self, kind: str, ready: Ready) -> None:
        """Add a frame, after waiting until there is room. Frames of a kind that nobody listens to are dropped."""
        with self._changed:
            while not self._has_room(kind):
                if not self._drop_overdue(kind):
                    self._changed.wait(timeout=LEAD)
            if kind in self._stock:
                self._stock[kind].append(ready)
                self._bytes += ready.size
                self._wake(kind)

    def finish(self, *kinds: str) -> None:
        """No more frames will come of these kinds, or of any."""
        with self._changed:
            for kind in kinds or tuple(self._arrived):
                self._ended.add(kind)
                if kind in self._stock:
                    self._wake(kind)

    @property
    def abandoned(self) -> bool:
        """Whether nobody listens any more."""
        return not self._stock

    def wants(self, kind: str) -> bool:
        """Whether somebody listens to this kind."""
        return kind in self._stock

    def _has_room(self, kind: str) -> bool:
        frames = self._stock.get(kind)
        if not frames or frames[-1].time - frames[0].time < LEAD:
            return True
        starving = any(not others for other, others in self._stock.items() if other not in self._ended)
        return starving and self._bytes < MOST_BYTES

    def _drop_overdue(self, kind: str) -> bool:
        """Drop a frame that should have been played long ago: one track alone may be played, and must not wait."""
        frames = self._stock[kind]
        if self._origin is None or self._late(frames[0]) < LEAD + SLACK:
            return False
        self._forget_first(kind)
        return True

    def _forget_first(self, kind: str) -> None:
        dropped = self._stock[kind].popleft()
        self._bytes -= dropped.size
        self._note_drop(dropped)

    def _note_drop(self, ready: Ready) -> None:
        if isinstance(ready.content, Passed):
            self._torn = self.wish.keyframe = True

    def _is_torn(self, ready: Ready) -> bool:
        """Whether a picture builds on one that was dropped."""
        if isinstance(ready.content, np.ndarray):
            return False
        self._torn = self._torn and isinstance(ready.content, Passed) and not ready.content.keyframe
        return self._torn

    def _wake(self, kind: str) -> None:
        call_on_loop(self._loop, self._arrived[kind].set)

    # The tracks' side, on the event loop.

    async def get(self, kind: str) -> Ready:
        """Wait until the next frame is due. Its time is now on the clock of the call, which never goes back."""
        self.taken = True
        while True:
            ready, waited = await self._next(kind)
            if self._is_torn(ready):
                continue
            coded = isinstance(ready.content, Passed)
            if coded and self._origin is None and not self._shown_first:
                self._shown_first = True
                return ready
            late = self._late(ready)
            if late > SLACK and waited:
                self._set_back += late
            elif late > (CODED_SLACK if coded else SLACK) or (late > 0 and not coded and self._next_is_due(kind)):
                self._note_drop(ready)
                continue
            elif late < 0:
                await asyncio.sleep(-late)
            return dataclasses.replace(ready, time=ready.time + self._set_back)

    def release(self, kind: str) -> None:
        """Nobody listens to this kind any more."""
        with self._changed:
            for ready in self._stock.pop(kind, ()):
                self._bytes -= ready.size
            self._changed.notify_all()
        self._arrived[kind].set()

    def ask_keyframe(self) -> None:
        """Coded pictures are of no use to the partner up to the next keyframe: take them back, to be decoded."""
        with self._changed:
            frames = self._stock.get("video", deque())
            since: float | None = None
            while frames and isinstance(passed := frames[0].content, Passed) and not passed.keyframe:
                since = passed.time if since is None else since
                self._bytes -= frames.popleft().size
            if not frames:
                self._torn = True
                self.wish.since, self.wish.keyframe = since, True
            self._changed.notify_all()

    async def _next(self, kind: str) -> tuple[Ready, bool]:
        """The next frame of the stock, and whether it had to be waited for."""
        waited = False
        while True:
            with self._changed:
                if kind not in self._stock:
                    raise PlayedOut
                if self._stock[kind]:
                    ready = self._stock[kind].popleft()
                    self._bytes -= ready.size
                    self._changed.notify_all()
                    return ready, waited
                if kind in self._ended:
                    raise PlayedOut
                self._arrived[kind].clear()
            waited = True
            await self._arrived[kind].wait()

    def _late(self, ready: Ready) -> float:
        now = time.monotonic()
        if self._origin is None:
            self._origin = now
        return now - self._origin - self._set_back - ready.time

    def _next_is_due(self, kind: str) -> bool:
        """Whether a picture that is a little late can be left out, since the one after it is due as well."""
        with self._changed:
            frames = self._stock.get(kind)
            return kind == "video" and frames is not None and len(frames) > 0 and self._late(frames[0]) > 0
