"""Reads each of the partner's tracks once, and hands every frame to every sink."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import av
from aiortc import MediaStreamError

from peer.background import start_task
from peer.media.base.coded import CodedFeed, CodedMedia
from peer.media.base.sink import CodedSink, Sink
from peer.media.base.source import Notify

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
        self._coded: list[CodedSink] = []  # those of the sinks that take what is not decoded, in this call
        self._notify = notify
        self._tasks: list[asyncio.Task[None]] = []
        self._running = False

    def start(self, tracks: "Sequence[MediaStreamTrack]", feed: CodedFeed | None = None) -> None:
        """Tell the sinks that a call begins, and read the tracks until each ends.

        With `feed`, sinks that can do without decoding are offered it; then `on_coded` must be called with all of it.
        """
        kinds = frozenset(track.kind for track in tracks)
        self._running = True
        for sink in list(self._sinks):
            if feed is not None and isinstance(sink, CodedSink):
                self._guard(sink, partial(self._offer, sink, feed))
        for sink in list(self._sinks):
            self._guard(sink, partial(sink.begin_call, kinds))
        self._tasks = [start_task(self._read(track), f"handing on {track.kind}") for track in tracks]

    @property
    def takes_coded(self) -> bool:
        """Whether a sink wants what is not decoded."""
        return bool(self._coded)

    def on_coded(self, media: CodedMedia) -> None:
        """Hand coded media to the sinks that want it."""
        for sink in list(self._coded):
            self._guard(sink, partial(sink.on_coded, media))

    def _offer(self, sink: CodedSink, feed: CodedFeed) -> None:
        if sink.takes_coded(feed):
            self._coded.append(sink)

    async def stop(self) -> None:
        """Stop reading, and tell the sinks that the call is over. Idempotent."""
        if not self._running:
            return
        self._running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # what one died of is told already
        for sink in list(self._sinks):
            self._guard(sink, sink.end_call)

    async def _read(self, track: "MediaStreamTrack") -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for sink in list(self._sinks):
                if sink in self._coded:
                    continue
                if isinstance(frame, av.VideoFrame):
                    self._guard(sink, partial(sink.on_video, frame))
                elif isinstance(frame, av.AudioFrame):
                    self._guard(sink, partial(sink.on_audio, frame))

    def _guard(self, sink: Sink, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # a sink may fail in any way, the partner must not suffer for it
            self._sinks.remove(sink)
            self._coded = [other for other in self._coded if other is not sink]
            logger.debug("sink %r failed", sink, exc_info=True)
            self._notify(f"{type(sink).__name__} failed and is off for this call: {error}")
