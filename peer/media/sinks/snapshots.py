"""Saves the partner's picture now and then: the sink behind `--snapshot-every`."""

import asyncio
import contextlib
import logging
import os
import re
from collections import deque
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from peer.background import start_task
from peer.errors import MediaError
from peer.media.base.source import Notify
from peer.media.sinks.recording.recorder import check_place

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png")


class Snapshots:
    """Writes a picture every so many seconds of a call into FILE-1, FILE-2 and so on, and keeps the newest.

    The numbers go on from those that are there already; only pictures of its own are removed. A file is there as a
    whole or not at all. When the disk can't keep up, pictures are left out.
    """

    def __init__(self, path: str | Path, *, every: float, keep: int, notify: Notify) -> None:
        """Raises MediaError when the suffix is unknown, or nothing can be written there."""
        self._path = Path(path)
        if self._path.suffix.lower() not in SUFFIXES:
            raise MediaError(f"can't save pictures as {path}: the name must end in {', '.join(SUFFIXES)}")
        check_place(self._path, "save pictures as")
        self._every = every
        self._keep = keep
        self._notify = notify
        self._number = _highest(self._path)
        self._kept: deque[Path] = deque()
        self._due = 0.0
        self._saving: asyncio.Task[None] | None = None
        self._failed = False

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Save the first picture at once."""
        self._due = 0.0

    def on_video(self, frame: "av.VideoFrame") -> None:
        """Save this picture if one is due."""
        now = monotonic()
        if now < self._due or (self._saving is not None and not self._saving.done()):
            return
        self._due = now + self._every
        self._number += 1
        path = self._path.with_stem(f"{self._path.stem}-{self._number}")
        self._saving = start_task(self._save(frame, path), "saving a snapshot")

    def on_audio(self, frame: "av.AudioFrame") -> None:
        """Sound has no picture."""

    def end_call(self) -> None:
        """What is being saved will be."""

    async def close(self) -> None:
        """Return when the last picture is saved."""
        if self._saving is not None:
            await self._saving

    async def _save(self, frame: "av.VideoFrame", path: Path) -> None:
        try:
            await asyncio.to_thread(_write, frame, path)
        except OSError as error:
            logger.debug("a picture could not be saved", exc_info=True)
            if not self._failed:
                self._notify(f"saving {path} failed: {error.strerror or error}; the call goes on")
            self._failed = True
            return
        self._failed = False
        self._kept.append(path)
        while len(self._kept) > self._keep:
            await asyncio.to_thread(self._kept.popleft().unlink, missing_ok=True)


def _write(frame: "av.VideoFrame", path: Path) -> None:
    import cv2  # noqa: PLC0415 it takes a while, and here it keeps nobody waiting

    coded, data = cv2.imencode(path.suffix.lower(), frame.to_ndarray(format="bgr24"))
    if not coded:
        raise OSError(f"a picture of {frame.width}x{frame.height} can't be coded")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data.tobytes())
        os.link(part, path)  # unlike renaming, it never replaces a file
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _highest(path: Path) -> int:
    """The highest number in the names of this kind that are there."""
    pattern = re.compile(re.escape(path.stem) + r"-(\d{1,12})" + re.escape(path.suffix))
    matches = (pattern.fullmatch(other.name) for other in path.parent.iterdir())
    return max((int(match[1]) for match in matches if match), default=0)
