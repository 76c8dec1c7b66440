"""Records one call as the partner coded it: what arrives goes into files, by a thread of its own."""

import contextlib
import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from peer.media.base.coded import CodedMedia
from peer.media.base.source import Notify
from peer.media.base.timeline import Timeline
from peer.media.sinks.recording.codedfile import CodedFile, PictureFormat, picture_format
from peer.media.sinks.recording.recording import reason

logger = logging.getLogger(__name__)

ROOM = 16_000_000  # bytes that may wait for a slow disk
PATIENCE = 2.0  # seconds that sound waits for the first keyframe, without which there can be no track for pictures
LEAST = 10.0
"""Seconds that a file goes on, whatever sizes come: browsers start small and grow, and nobody can make us write
endless numbers of files."""
KEYFRAME_EVERY = 10.0  # seconds; players can only jump to keyframes, and live video has none by itself
ASK_AGAIN = 2.0  # seconds


@dataclass(frozen=True)
class _Arrival:
    media: CodedMedia
    moment: float  # on the monotonic clock


class Passing:
    """One call's coded media, on its way from the event loop into one file or more.

    A picture of another size begins a new file, at least `LEAST` seconds after the last one began; until then it goes
    into the same. So does the first picture, when sound alone was recorded before.
    """

    def __init__(
        self,
        kinds: frozenset[str],
        request_keyframe: Callable[[], None],
        claim: Callable[[], Path],
        report: Notify,
    ) -> None:
        self._kinds = kinds
        self._request_keyframe = request_keyframe
        self._claim = claim
        self._report = report
        self._queue: queue.SimpleQueue[_Arrival | None] = queue.SimpleQueue()
        self._failed = False
        # The event loop's.
        self._added = 0
        self._dropped = 0
        self._skipping = False  # pictures, up to the next keyframe
        self._keyframe_at = self._asked_at = float("-inf")
        # The thread's.
        self._taken = 0
        self._timelines = {"video": Timeline(), "audio": Timeline()}
        self._waiting: list[tuple[float, CodedMedia]] = []  # sound that came before the first file
        self._path: Path | None = None
        self._file: CodedFile | None = None
        self._start = 0.0
        self._format: PictureFormat | None = None  # the file's
        self._newest: PictureFormat | None = None  # the partner's

    # ---- on the event loop

    def add(self, media: CodedMedia, now: float) -> None:
        """Queue what arrived now, on the monotonic clock, for the file; drop it when the disk is behind."""
        if self._failed:
            return
        if media.kind == "video":
            self._watch_keyframes(media, now)
        if self._added - self._taken > ROOM:
            self._skipping = self._skipping or media.kind == "video"
            self._dropped += 1
        elif media.kind == "video" and self._skipping:
            self._dropped += 1
        else:
            self._added += len(media.data)
            self._queue.put(_Arrival(media, now))

    def _watch_keyframes(self, media: CodedMedia, now: float) -> None:
        if media.is_keyframe:
            self._keyframe_at, self._skipping = now, False
        elif now - self._asked_at > ASK_AGAIN and (self._skipping or now - self._keyframe_at > KEYFRAME_EVERY):
            self._asked_at = now
            self._request_keyframe()

    def end(self) -> None:
        """No more will come."""
        self._queue.put(None)

    @property
    def idle(self) -> bool:
        """Whether all that was added has been taken by the thread."""
        return self._queue.empty()

    # ---- in the thread

    def run(self) -> None:
        """Write until the end. Failures are reported, in one line."""
        try:
            while (arrival := self._queue.get()) is not None:
                self._take(arrival)
            if self._file is None and self._waiting:
                self._begin(self._waiting[0][0], None)
            if self._file is not None:
                self._file.close()
        except (OSError, av.FFmpegError, ValueError) as error:
            self._failed = True
            logger.debug("recording failed", exc_info=True)
            with contextlib.suppress(OSError, av.FFmpegError):  # it fails for the same reason
                if self._file is not None:
                    self._file.close()
            name = f"to {self._path} " if self._path else ""
            self._report(f"recording {name}stopped: {reason(error)}")
        if self._dropped:
            self._report(f"{self._path}: {self._dropped} frames are missing, the disk was too slow")

    def _take(self, arrival: _Arrival) -> None:
        media = arrival.media
        self._taken += len(media.data)
        place = self._timelines[media.kind].place(media.time, arrival.moment)
        if media.kind == "video":
            self._take_picture(place, media)
        elif self._file is not None:
            self._file.add_audio(place - self._start, media)
        else:
            self._waiting.append((place, media))
            if "video" not in self._kinds or place - self._waiting[0][0] > PATIENCE:
                self._begin(self._waiting[0][0], None)

    def _take_picture(self, place: float, media: CodedMedia) -> None:
        if media.is_keyframe:
            self._newest = picture_format(media, self._newest) or self._newest
            if self._newest is not None and self._needs_a_file(place, self._newest):
                self._begin(min([place, *(place for place, _ in self._waiting)]), self._newest)
        if self._file is not None and self._format is not None and self._format.codec == media.codec.upper():
            self._file.add_video(place - self._start, media)

    def _needs_a_file(self, place: float, newest: PictureFormat) -> bool:
        if self._file is None or self._format is None:
            return True
        changed = (newest.codec, newest.size) != (self._format.codec, self._format.size)
        return changed and place - self._start >= LEAST

    def _begin(self, start: float, picture: PictureFormat | None) -> None:
        """Go on in a new file, with the sound that waits for it."""
        if self._file is not None:
            self._file.close()
        self._path = self._claim()
        self._file = CodedFile(self._path, picture, sound="audio" in self._kinds)
        self._start, self._format = start, picture
        for place, media in self._waiting:
            self._file.add_audio(place - start, media)
        self._waiting.clear()
