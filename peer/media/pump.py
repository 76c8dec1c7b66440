"""Reads each of the partner's tracks once, and hands every frame to every sink."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import av
from aiortc import MediaStreamError

from peer.media.sink import Sink
from peer.media.source import Notify

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

logger = logging.getLogger(__name__)


class Pump:
    """The way of one call's media from the remote tracks into the sinks.

    It must run in every call, even without sinks: frames that nobody reads pile up in a remote track without limit.
    A sink that raises is reported once through `notify` and gets no more of this call; the call goes on.
    """

    def __init__(self, sinks: Sequence[Sink], notify: Notify) -> None:
        self._sinks = list(sinks)
        self._notify = notify
        self._tasks: list[asyncio.Task[None]] = []
        self._running = False

    def start(self, tracks: "Sequence[MediaStreamTrack]") -> None:
        """Tell the sinks that a call begins, and read the tracks until each ends."""
        kinds = frozenset(track.kind for track in tracks)
        self._running = True
        for sink in list(self._sinks):
            self._guard(sink, partial(sink.begin_call, kinds))
        self._tasks = [asyncio.create_task(self._read(track), name=f"pump {track.kind}") for track in tracks]

    async def stop(self) -> None:
        """Stop reading, and tell the sinks that the call is over. Idempotent."""
        if not self._running:
            return
        self._running = False
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for sink in list(self._sinks):
            self._guard(sink, sink.end_call)
        for outcome in ended:
            if isinstance(outcome, Exception):  # a cancelled task is none; anything else is a defect to be seen
                raise outcome

    async def _read(self, track: "MediaStreamTrack") -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for sink in list(self._sinks):
                if isinstance(frame, av.VideoFrame):
                    self._guard(sink, partial(sink.on_video, frame))
                elif isinstance(frame, av.AudioFrame):
                    self._guard(sink, partial(sink.on_audio, frame))

    def _guard(self, sink: Sink, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # a sink may fail in any way, the partner must not suffer for it
            self._sinks.remove(sink)
            logger.debug("sink %r failed", sink, exc_info=True)
            self._notify(f"{type(sink).__name__} failed and is off for this call: {error}")
