"""Records what the partner sends: a file for each call, or more, written by a thread of its own."""

import asyncio
import tempfile
import threading
import time
from pathlib import Path

import av

from peer.background import start_thread
from peer.errors import MediaError
from peer.media.base.coded import CodedFeed, CodedMedia
from peer.media.base.source import Notify
from peer.media.base.threads import call_on_loop
from peer.media.sinks.recording.codedfile import can_hold
from peer.media.sinks.recording.passing import Passing
from peer.media.sinks.recording.recording import CONTAINERS
from peer.media.sinks.recording.transcoding import Transcoding


class Recorder:
    """The sink behind `--record FILE`.

    The container goes by the suffix. What it can hold is written as the partner coded it: H.264 and Opus into .mp4,
    VP8 and Opus into .webm, both into .mkv. The first call goes into FILE, later ones into FILE-2, FILE-3 and so on,
    and so do pictures of another size.

    Anything else, and with `transcode` everything, is encoded anew: H.264 and AAC for .mp4 and .mkv, VP8 and Opus for
    .webm. Then each call is one file, and all its pictures have one size, that of the first, doubled until it is at
    least 640 wide, since browsers start small and grow; others are scaled into it.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False, transcode: bool = False, notify: Notify) -> None:
        """Raises MediaError when the suffix is unknown, or the file exists already or can't be written."""
        self._transcode = transcode
        self._path = Path(path)
        self._overwrite = overwrite
        self._notify = notify
        self._naming = threading.Lock()
        self.files: list[Path] = []
        """The files written so far; those of calls that go on are not finished."""
        self._feed: CodedFeed | None = None  # of the call that begins, if it is to be written as it was coded
        self._call: Transcoding | Passing | None = None  # the call that goes on
        self._threads: list[threading.Thread] = []
        _check(self._path, overwrite)

    def takes_coded(self, feed: CodedFeed) -> bool:
        """Whether the file can hold what was coded like this."""
        takes = not self._transcode and can_hold(self._path.suffix, dict(feed.codecs))
        self._feed = feed if takes else None
        return takes

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Start a recording; its file is made when the first frames are there."""
        self.end_call()
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            call_on_loop(loop, self._notify, line)

        call: Transcoding | Passing
        if self._feed is not None:
            call = Passing(kinds, self._feed.request_keyframe, self._claim, report)
        else:
            call = Transcoding(kinds, self._claim, report)
        self._call, self._feed = call, None
        alive = [thread for thread in self._threads if thread.is_alive()]
        self._threads = [*alive, start_thread(call.run, f"recording {self._path.name}")]

    def on_video(self, frame: av.VideoFrame) -> None:
        """Queue a picture for the encoder; drop it when that is behind."""
        if isinstance(self._call, Transcoding):
            self._call.add(frame)

    def on_audio(self, frame: av.AudioFrame) -> None:
        """Queue sound for the encoder."""
        if isinstance(self._call, Transcoding):
            self._call.add(frame)

    def on_coded(self, media: CodedMedia) -> None:
        """Queue what was coded for the file."""
        if isinstance(self._call, Passing):
            self._call.add(media, time.monotonic())

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
    check_place(path, "record to")


def check_place(path: Path, act: str) -> None:
    """Raises MediaError when a file at this path could not be written; `act` says for what, such as "record to"."""
    if not path.parent.exists():
        raise MediaError(f"can't {act} {path}: there is no directory {path.parent}; create it first")
    try:
        if path.exists():
            path.open("r+b").close()
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"can't {act} {path}: {reason}; choose a place that you may write to") from error
