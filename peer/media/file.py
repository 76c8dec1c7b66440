"""Files and URLs as a source: pictures and sound in sync, in real time, once or in a loop."""

import asyncio
import logging
import threading
from pathlib import PurePath

import av
from aiortc import MediaStreamError, MediaStreamTrack

from peer.errors import MediaError
from peer.media.decoding import Film, play
from peer.media.film import probe, shown
from peer.media.playout import PlayedOut, Playout
from peer.media.sound import TIME_BASE as AUDIO_TIME_BASE
from peer.media.sound import block_frame
from peer.media.source import Notify, SourceRequest
from peer.media.testsource import VIDEO_TIME_BASE
from peer.media.threads import call_on_loop

logger = logging.getLogger(__name__)

NAMES = {"video": "picture", "audio": "sound"}
FAREWELL = 2.0  # seconds that a thread which waits for a network is given to end


async def open_file(
    url: str,
    needed: frozenset[str],
    request: SourceRequest,
    notify: Notify,
    *,
    welcome: frozenset[str] = frozenset(),
) -> "FileSource":
    """Make a source of the `needed` kinds of a file or URL, and of those of the `welcome` that it has.

    Raises MediaError when it can't be played or a needed kind is not in it.
    """
    contents = await asyncio.to_thread(probe, url)
    for kind in needed - contents.kinds:
        raise MediaError(f"can't play {shown(url)} for its {NAMES[kind]}: there is none in it; choose another file")
    film = Film(
        url, (needed | welcome) & contents.kinds, request.size, request.fps, loop=request.loop or contents.still
    )
    return FileSource(film, notify)


class FileSource:
    """Plays a file from its beginning in each call. A thread for each call decodes a little ahead."""

    def __init__(self, film: Film, notify: Notify) -> None:
        self._film = film
        self._notify = notify
        self.kinds = film.kinds
        self.label = shown(film.url) if "://" in film.url else PurePath(film.url).name
        self._playing: list[tuple[threading.Thread, list[MediaStreamTrack]]] = []

    def open_tracks(self) -> list[MediaStreamTrack]:
        """New tracks, in sync with each other. They end with the file, unless it is looped."""
        loop = asyncio.get_running_loop()
        playout = Playout(self.kinds, loop)
        tracks: list[MediaStreamTrack] = [
            _FilmTrack(kind, playout) for kind in ("video", "audio") if kind in self.kinds
        ]
        thread = threading.Thread(target=self._play, args=(playout, loop), name=f"decode {self.label}", daemon=True)
        thread.start()
        self._playing = [*(playing for playing in self._playing if playing[0].is_alive()), (thread, tracks)]
        return tracks

    async def close(self) -> None:
        """End the tracks that are still open, and their threads."""
        for thread, tracks in self._playing:
            for track in tracks:
                track.stop()
            await asyncio.to_thread(thread.join, FAREWELL)
        self._playing.clear()

    def _play(self, playout: Playout, loop: asyncio.AbstractEventLoop) -> None:
        try:
            play(self._film, playout)
        except (MediaError, av.FFmpegError) as error:
            logger.debug("playing stopped", exc_info=True)
            reason = str(error) if isinstance(error, MediaError) else f"{self.label} broke off: {error.strerror}"
            if not playout.abandoned:
                call_on_loop(loop, self._notify, reason)


class _FilmTrack(MediaStreamTrack):
    def __init__(self, kind: str, playout: Playout) -> None:
        super().__init__()
        self.kind = kind
        self._playout = playout

    async def recv(self) -> av.VideoFrame | av.AudioFrame:
        """The picture or the 20 ms that are due now."""
        try:
            ready = await self._playout.get(self.kind)
        except PlayedOut:
            self.stop()
        if self.readyState != "live":
            raise MediaStreamError
        content = ready.content
        frame = content if isinstance(content, av.VideoFrame) else block_frame(content)
        frame.time_base = VIDEO_TIME_BASE if self.kind == "video" else AUDIO_TIME_BASE
        frame.pts = round(ready.time * frame.time_base.denominator)
        return frame

    def stop(self) -> None:
        """End the track. The decoder stops when no track of the file is left."""
        super().stop()
        self._playout.release(self.kind)
