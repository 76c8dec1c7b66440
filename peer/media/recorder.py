"""Records what the partner sends: a file for each call, written by a thread of its own."""

import asyncio
import logging
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from peer.errors import MediaError
from peer.media.recording import CONTAINERS, Recording
from peer.media.sound import Resampler
from peer.media.source import Notify
from peer.media.threads import call_on_loop
from peer.media.timeline import Timeline

logger = logging.getLogger(__name__)

VIDEO_ROOM = 60  # frames of both kinds that may wait for the encoder before pictures are dropped: less than a second
AUDIO_ROOM = 600  # and before sound is dropped
PATIENCE = 2.0  # seconds that sound waits for the first picture, which tells the size of the file's
DEFAULT_CANVAS = (1280, 720)
MIN_WIDTH, MAX_HEIGHT = 640, 2160


class Recorder:
    """The sink behind `--record FILE`.

    The container goes by the suffix: .mp4 (H.264, AAC), .mkv (the same) or .webm (VP8, Opus). The first call goes into
    FILE, later ones into FILE-2, FILE-3 and so on. All pictures of a file have one size, that of the first, doubled
    until it is at least 640 wide, since browsers start small and grow; others are scaled into it.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, notify: Notify) -> None:
        """Raises MediaError when the suffix is unknown, or the file exists already or can't be written."""
        self._path = Path(path)
        self._overwrite = overwrite
        self._notify = notify
        self._naming = threading.Lock()
        self.files: list[Path] = []
        """The files written so far; those of calls that go on are not finished."""
        self._call: _Call | None = None  # the call that goes on
        self._threads: list[threading.Thread] = []
        _check(self._path, overwrite)

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Start a recording; its file is made when the first frames are there."""
        self.end_call()
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            call_on_loop(loop, self._notify, line)

        self._call = call = _Call(kinds, self._claim, report)
        thread = threading.Thread(target=call.run, name=f"record {self._path.name}", daemon=True)
        self._threads = [*(thread for thread in self._threads if thread.is_alive()), thread]
        thread.start()

    def on_video(self, frame: av.VideoFrame) -> None:
        """Queue a picture for the encoder; drop it when that is behind."""
        if self._call is not None:
            self._call.add(frame, VIDEO_ROOM)

    def on_audio(self, frame: av.AudioFrame) -> None:
        """Queue sound for the encoder."""
        if self._call is not None:
            self._call.add(frame, AUDIO_ROOM)

    def end_call(self) -> None:
        """Finish the recording, in its thread."""
        if self._call is not None:
            self._call.end()
            self._call = None

    async def close(self) -> None:
        """Return when all files are finished."""
        self.end_call()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads.clear()

    def _claim(self) -> Path:
        """Create the next file, under the first name that is free."""
        with self._naming:
            number = 1
            while True:
                path = self._path if number == 1 else self._path.with_stem(f"{self._path.stem}-{number}")
                number += 1
                if path in self.files:
                    continue
                try:
                    with path.open("wb" if self._overwrite else "xb"):
                        pass
                except FileExistsError:
                    continue
                self.files.append(path)
                return path


def _check(path: Path, overwrite: bool) -> None:
    if path.suffix.lower() not in CONTAINERS:
        raise MediaError(f"can't record to {path}: the name must end in {', '.join(CONTAINERS)}")
    if path.is_dir():
        raise MediaError(f"can't record to {path}: it is a directory; give the name of a file")
    if path.exists() and not overwrite:
        raise MediaError(f"can't record to {path}: it exists; choose another name, or add --overwrite")
    if not path.parent.exists():
        raise MediaError(f"can't record to {path}: there is no directory {path.parent}; create it first")
    try:
        if path.exists():
            path.open("r+b").close()
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"can't record to {path}: {reason}; choose a place that you may write to") from error


@dataclass(frozen=True)
class _Arrival:
    frame: av.VideoFrame | av.AudioFrame
    moment: float  # on the monotonic clock


class _Call:
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

    def add(self, frame: av.VideoFrame | av.AudioFrame, room: int) -> None:
        if self._failed:
            return
        if self._queue.qsize() >= room:
            self._dropped += 1
            return
        self._queue.put(_Arrival(frame, time.monotonic()))

    def end(self) -> None:
        self._queue.put(None)

    def run(self) -> None:
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
            self._report(f"recording {name}stopped: {getattr(error, 'strerror', None) or error}")
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
