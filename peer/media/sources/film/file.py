"""Files and URLs as a source: pictures and sound in sync, in real time, once or in a loop."""

import asyncio
import logging
import threading
from pathlib import PurePath
from typing import Any

import av
from aiortc import MediaStreamError, MediaStreamTrack

from peer.background import start_thread
from peer.errors import MediaError
from peer.media.base.codedtrack import Coded
from peer.media.base.sound import TIME_BASE as AUDIO_TIME_BASE
from peer.media.base.sound import block_frame
from peer.media.base.source import Notify, SourceRequest
from peer.media.base.threads import call_on_loop, in_time
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE
from peer.media.sources.film.decoding import FASTEST, LARGEST, Film, play
from peer.media.sources.film.film import Contents, probe, shown
from peer.media.sources.film.live import LivePlayout, play_live
from peer.media.sources.film.passer import Passed
from peer.media.sources.film.playout import PlayedOut, Playout

logger = logging.getLogger(__name__)

NAMES = {"video": "picture", "audio": "sound"}
FAREWELL = 2.0  # seconds that a thread which waits for a network is given to end
PATIENCE, UNANSWERED = 20.0, 3.0  # seconds for a URL to answer, and until people are told that it has not yet
STILL = 1.0  # seconds without a picture after which a live stream's last one is given again


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
    contents = await _looked_into(url, notify)
    for kind in needed - contents.kinds:
        raise MediaError(f"can't play {shown(url)} for its {NAMES[kind]}: there is none in it; choose another file")
    if request.start and contents.live:
        raise MediaError(f"can't start {shown(url)} at {request.start:g} s: it is live; leave --start out")
    if contents.seconds is not None and request.start >= max(contents.seconds, 0.001):
        raise MediaError(
            f"can't start {shown(url)} at {request.start:g} s: it is {contents.seconds:.1f} s long; choose less"
        )
    film = Film(
        url,
        (needed | welcome) & contents.kinds,
        request.size,
        request.fps,
        loop=request.loop or contents.animated,
        start=request.start,
        still=contents.still,
        options=contents.options,
    )
    return FileSource(film, notify, contents, passing=not request.reencode)


async def _looked_into(url: str, notify: Notify) -> Contents:
    """What is in a file or URL; says so when a URL keeps people waiting, and does not wait for ever."""
    if "://" not in url:
        return await asyncio.to_thread(probe, url)
    loop = asyncio.get_running_loop()
    telling = loop.call_later(UNANSWERED, notify, f"waiting for {shown(url)} to answer, for at most {PATIENCE:g} s")
    try:
        return await in_time(lambda: probe(url), PATIENCE)
    except TimeoutError as error:
        raise MediaError(f"can't play {shown(url)}: no answer in {PATIENCE:g} s; check the address") from error
    finally:
        telling.cancel()


class FileSource:
    """Plays a file from its beginning in each call, or a live stream from now. A thread for each call reads ahead."""

    def __init__(self, film: Film, notify: Notify, contents: Contents, *, passing: bool = True) -> None:
        self._film = film
        self._notify = notify
        self._live = contents.live
        self._coded = contents.coded if passing else None
        self.kinds = film.kinds
        self.label = shown(film.url) if "://" in film.url else PurePath(film.url).name
        self._showings: list[_Showing] = []

    def open_tracks(self) -> list[MediaStreamTrack]:
        """New tracks, in sync with each other. They end with the file, unless it is looped or live."""
        showing = _Showing(self._film, self.label, self._notify, self._coded, live=self._live)
        self._showings = [
            *(each for each in self._showings if any(thread.is_alive() for thread in each.threads)),
            showing,
        ]
        return list(showing.tracks)

    async def close(self) -> None:
        """End the tracks that are still open, and their threads."""
        for showing in self._showings:
            for track in showing.tracks:
                track.stop()
            for thread in showing.threads:
                await asyncio.to_thread(thread.join, FAREWELL)
        self._showings.clear()


class _Showing:
    """A file in one call: the thread that reads it, and the tracks that play it."""

    def __init__(self, film: Film, label: str, notify: Notify, coded: Coded | None, *, live: bool) -> None:
        self._film = film
        self._label = label
        self._notify = notify
        self._coded = coded
        self._live = live
        self._loop = asyncio.get_running_loop()
        self.threads: list[threading.Thread] = []
        self._begin()
        self.tracks = [_FilmTrack(kind, self) for kind in ("video", "audio") if kind in film.kinds]

    def _begin(self) -> None:
        self.playout = (LivePlayout if self._live else Playout)(self._film.kinds, self._loop)
        name = f"decoding {self._label}"
        playout = self.playout
        self.threads.append(start_thread(self._play, name, playout, on_death=lambda _: playout.finish()))

    @property
    def is_playing(self) -> bool:
        """Whether a thread of it still runs."""
        return any(thread.is_alive() for thread in self.threads)

    @property
    def is_coded(self) -> bool:
        """Whether its pictures can pass."""
        return self._coded is not None

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """Have pictures pass as they are coded, if that is this codec; with None, no more."""
        film, coded = self._film, self._coded
        if codec is None or coded is None or coded.codec != codec:
            self.playout.wish.codec = None
        elif not coded.fits(film.size or LARGEST, film.fps or FASTEST, most):
            logger.info("the pictures of %s are coded anew: they are more than is allowed", self._label)
        else:
            self._notify(f"the pictures of {self._label} are sent as they are ({codec}), without coding them anew")
            self._restart_if_unseen()
            self.playout.wish.codec = codec

    def _restart_if_unseen(self) -> None:
        """What is decoded already, before it was known what the partner takes, need not be coded."""
        if self._live or self.playout.taken:
            return
        unseen = self.playout
        for kind in self._film.kinds:
            unseen.release(kind)
        self._begin()

    def _play(self, playout: Playout) -> None:
        try:
            if isinstance(playout, LivePlayout):
                play_live(self._film, playout, lambda line: call_on_loop(self._loop, self._notify, line))
            else:
                play(self._film, playout)
        except (MediaError, av.FFmpegError) as error:
            reason = str(error) if isinstance(error, MediaError) else f"{self._label} broke off: {error.strerror}"
            logger.debug("playing stopped: %s", reason)
            if not playout.abandoned:
                call_on_loop(self._loop, self._notify, reason)


class _FilmTrack(MediaStreamTrack):
    def __init__(self, kind: str, showing: _Showing) -> None:
        super().__init__()
        self.kind = kind
        self._showing = showing
        self._last: av.VideoFrame | None = None  # of a live stream

    async def recv(self) -> Any:
        """The picture or the 20 ms that are due now; an `av.Packet` where the picture passes as it is coded."""
        try:
            content, time = await self._due()
        except PlayedOut:
            self.stop()
        if self.readyState != "live":
            raise MediaStreamError
        content.time_base = VIDEO_TIME_BASE if self.kind == "video" else AUDIO_TIME_BASE
        content.pts = round(time * content.time_base.denominator)
        return content

    async def _due(self) -> tuple[Any, float]:
        playout = self._showing.playout
        if not isinstance(playout, LivePlayout) or self._last is None:
            ready = await playout.get(self.kind)
        else:
            try:
                async with asyncio.timeout(STILL):
                    ready = await playout.get(self.kind)
            except TimeoutError:
                return self._last, playout.repeated(self.kind)
        self._last = None
        if isinstance(ready.content, Passed):
            packet = av.Packet(ready.content.data)
            packet.is_keyframe = ready.content.keyframe
            packet.opaque = ready.content.size
            return packet, ready.time
        if not isinstance(ready.content, av.VideoFrame):
            return block_frame(ready.content), ready.time
        self._last = ready.content
        return ready.content, ready.time

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """See `CodedTrack`."""
        if self.kind == "video":
            self._showing.pass_coded(codec, most)

    def ask_keyframe(self) -> None:
        """See `CodedTrack`."""
        self._showing.playout.ask_keyframe()

    @property
    def is_coded(self) -> bool:
        """See `CodedTrack`."""
        return self.kind == "video" and self._showing.is_coded

    def stop(self) -> None:
        """End the track. The decoder stops when no track of the file is left."""
        super().stop()
        self._showing.playout.release(self.kind)
