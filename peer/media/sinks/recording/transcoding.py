"""Records one call anew: its decoded pictures and sound are encoded, by a thread of its own."""

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from peer.media.base.sound import Resampler
from peer.media.base.source import Notify
from peer.media.base.timeline import Timeline
from peer.media.sinks.recording.recording import Recording, reason

logger = logging.getLogger(__name__)

VIDEO_ROOM = 60  # frames of both kinds that may wait for the encoder before pictures are dropped: less than a second
AUDIO_ROOM = 600  # and before sound is dropped
PATIENCE = 2.0  # seconds that sound waits for the first picture, which tells the size of the file's
DEFAULT_CANVAS = (1280, 720)
MIN_WIDTH, MAX_HEIGHT = 640, 2160


@dataclass(frozen=True)
class _Arrival:
    frame: av.VideoFrame | av.AudioFrame
    moment: float  # on the monotonic clock


class Transcoding:
    """One call's frames, on their way from the event loop into a file."""

    def __init__(self, kinds: frozenset[str], claim: Callable[[], Path], report: Notify) -> None:
        self._kinds = kinds
        self._claim = claim
        self._report = report
        self._queue: queue.SimpleQueue[_Arrival | None] = queue.SimpleQueue()
        self._dropped = 0
        self._failed = False
        self._timelines = {"video": Timeline(), "audio": Timeline()}
        self._resampler = Resampler()

    def add(self, frame: av.VideoFrame | av.AudioFrame) -> None:
        """Queue a frame for the encoder; drop it when that is behind."""
        room = VIDEO_ROOM if isinstance(frame, av.VideoFrame) else AUDIO_ROOM
        if self._failed:
            return
        if self._queue.qsize() >= room:
            self._dropped += 1
            return
        self._queue.put(_Arrival(frame, time.monotonic()))

    def end(self) -> None:
        """No more will come."""
        self._queue.put(None)

    def run(self) -> None:
        """Write until the end. Failures are reported, in one line."""
        path = None
        try:
            first = self._first()
            if not first:
                return
            path = self._claim()
            self._record(path, first)
        except (OSError, av.FFmpegError, ValueError) as error:
            self._failed = True
            logger.debug("recording failed", exc_info=True)
            name = f"to {path} " if path else ""
            self._report(f"recording {name}stopped: {reason(error)}")
        if self._dropped:
            self._report(f"{path}: {self._dropped} frames are missing, this machine was too slow to encode them")

    def _first(self) -> list[_Arrival]:
        """The frames up to the first picture; without pictures in this call, or when they don't come, just sound."""
        waiting: list[_Arrival] = []
        while True:
            timeout = waiting[0].moment + PATIENCE - time.monotonic() if waiting else None
            try:
                arrival = self._queue.get(timeout=max(timeout, 0) if timeout is not None else None)
            except queue.Empty:
                return waiting
            if arrival is None:
                self._queue.put(None)  # the end comes after these
                return waiting
            waiting.append(arrival)
            if isinstance(arrival.frame, av.VideoFrame) or "video" not in self._kinds:
                return waiting

    def _record(self, path: Path, first: list[_Arrival]) -> None:
        start = first[0].moment
        recording = Recording(path, self._kinds, _canvas(first[-1].frame))
        try:
            for arrival in first:
                self._write(recording, arrival, start)
            while (item := self._queue.get()) is not None:
                self._write(recording, item, start)
        finally:
            recording.close()

    def _write(self, recording: Recording, arrival: _Arrival, start: float) -> None:
        frame = arrival.frame
        kind = "video" if isinstance(frame, av.VideoFrame) else "audio"
        place = self._timelines[kind].place(frame.time or 0.0, arrival.moment) - start
        if isinstance(frame, av.VideoFrame):
            recording.add_video(place, frame)
        else:
            recording.add_audio(place, self._resampler.samples(frame))


def _canvas(frame: av.VideoFrame | av.AudioFrame) -> tuple[int, int]:
    if not isinstance(frame, av.VideoFrame):
        return DEFAULT_CANVAS
    width, height = frame.width, frame.height
    while width < MIN_WIDTH and height < MAX_HEIGHT:
        width, height = 2 * width, 2 * height
    return width & ~1, height & ~1
