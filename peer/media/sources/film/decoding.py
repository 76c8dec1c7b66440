"""Plays a file once or for ever: its pictures and its sound in the form that calls need, into a playout."""

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
from av.format import Flags

from peer.media.base.codedtrack import CodedWish
from peer.media.base.colours import BT601, usual_matrix
from peer.media.base.orientation import orientation_of, oriented
from peer.media.base.pictures import fitted, to_yuv420p
from peer.media.base.sound import BLOCK, RATE, Block, Blocks, Resampler
from peer.media.sources.film import still
from peer.media.sources.film.film import Streams, decode, decode_at_once, open_film, streams_of
from peer.media.sources.film.passer import Passed, Passer
from peer.media.sources.film.playout import Playout, Ready

logger = logging.getLogger(__name__)

LARGEST = (1920, 1080)
FASTEST = 60.0
KEYFRAME_WITHIN = 12.0  # seconds: longer groups of pictures are rare in formats that have no index
DISCONTINUITY = 10.0  # seconds: a jump like this is a new clock, not a pause, in formats that allow such


@dataclass(frozen=True)
class Film:
    """A file or URL, which of its kinds to play, and the most that it is sent with."""

    url: str
    kinds: frozenset[str]
    size: tuple[int, int] | None = None  # width, height; pictures keep their shape and are never made larger
    fps: float | None = None
    loop: bool = False
    start: float = 0.0  # seconds from the film's beginning
    still: bool = False  # it has one picture, which stays
    options: dict[str, str] = field(default_factory=dict)  # what to open it with


def play(film: Film, playout: Playout) -> None:
    """Put the frames of a film into a playout until it ends or nobody listens. Blocks; for a thread.

    Raises MediaError or av.FFmpegError when it can't be read (any more).
    """
    begin = 0.0
    fps = film.fps or still.FPS
    try:
        while True:
            end, picture = begin, None
            with open_film(film.url, film.options) as file:
                frames = frames_of(file, film, playout.wish)
                for kind, ready in still.held(frames, fps) if film.still else frames:
                    moved = dataclasses.replace(ready, time=begin + ready.time)
                    playout.put(kind, moved)
                    if playout.abandoned:
                        return
                    picture = moved if kind == "video" else picture
                    end = max(end, moved.time + ready.duration)
            if film.still and picture and (not film.loop or "audio" not in film.kinds):
                still.show_on(picture, fps, playout)
                return
            if not film.loop or end == begin:
                return
            begin = end
    finally:
        playout.finish()


def frames_of(file: av.container.InputContainer, film: Film, wish: CodedWish) -> Iterator[tuple[str, Ready]]:
    """One run through a file, from where the film is to start, which is time 0."""
    streams = streams_of(file, film.kinds)
    clock = _Clock(streams, film.start, jumps=Flags.ts_discont in Flags(file.format.flags))
    if film.start:
        # Without an index the place that is found need not be a keyframe, so begin early enough to meet one.
        _seek(file, clock.begin - (KEYFRAME_WITHIN if Flags.ts_discont in Flags(file.format.flags) else 0.0))
    pictures = _Pictures(film, streams.get("video"))
    sounds = _Sounds()
    takes = {
        stream.index: decode_at_once if film.still else Passer(stream, wish, clock.begin).take
        for stream in streams.values()
        if isinstance(stream, av.VideoStream)
    }
    for stream in streams.values():
        stream.codec_context.thread_type = "AUTO"
    for packet in file.demux(*streams.values()):
        for content in takes.get(packet.stream.index, decode)(packet):
            time = clock.time(content.time)
            if film.still and time is not None and isinstance(content, av.VideoFrame):
                time = max(time, 0.0)
            if time is not None and time < 0:
                continue  # what has to be decoded to get to the start
            if isinstance(content, av.AudioFrame):
                yield from (("audio", ready) for ready in sounds.convert(content, time))
            elif ready := pictures.convert(content, time):
                yield "video", ready
    yield from (("audio", ready) for ready in sounds.rest())


def _seek(file: av.container.InputContainer, time: float) -> None:
    """Go near a time, on the film's own clock; where that can't be done, all before it is read."""
    try:
        file.seek(int(time * av.time_base))
    except av.FFmpegError as error:
        logger.debug("reading up to %g s, for it can't be sought: %s", time, error.strerror)


class _Clock:
    """Makes the timestamps of a file start at 0 where it is to start, whatever they start with."""

    def __init__(self, streams: Streams, start: float, *, jumps: bool) -> None:
        starts = [
            float(s.start_time * s.time_base) for s in streams.values() if s.start_time is not None and s.time_base
        ]
        self._zero: float | None = min(starts, default=None)
        self._start = start
        self._jumps = jumps
        self._last: float | None = None

    @property
    def begin(self) -> float:
        """Where to start, on the file's own clock."""
        return (self._zero or 0.0) + self._start

    def time(self, time: float | None) -> float | None:
        """The time of a frame, below 0 where it is before the start; None where the file does not tell."""
        if time is None:
            return None
        if self._zero is None:
            self._zero = time
        result = time - self.begin
        if self._jumps and self._last is not None and abs(result - self._last) > DISCONTINUITY:
            self._zero += result - self._last
            result = self._last
        self._last = result
        return result if self._start else max(result, 0.0)


class _Pictures:
    """Makes pictures even-sided, upright, with square pixels, of a bearable size, at a bearable rate."""

    def __init__(self, film: Film, stream: av.VideoStream | av.AudioStream | None) -> None:
        self._size = film.size or LARGEST
        self._untold = BT601 if film.still else None  # as photographs are
        self._fps = film.fps or FASTEST
        rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
        self._interval = float(1 / rate) if rate else 1 / 30
        aspect = stream.sample_aspect_ratio if isinstance(stream, av.VideoStream) else None
        self._pixel_width = float(aspect) if aspect else 1.0
        self._next = 0.0  # when the next picture is expected
        self._last_slot = -1

    def convert(self, frame: av.VideoFrame | Passed, time: float | None) -> Ready | None:
        """The picture to send; None when this one is too much for the rate."""
        time = self._next if time is None else time
        self._next = time + self._interval
        if isinstance(frame, Passed):
            return Ready(time, frame, self._interval)
        slot = round(time * self._fps)
        if slot <= self._last_slot:
            return None
        self._last_slot = slot
        orientation = orientation_of(frame)
        limit = self._size[::-1] if orientation.transposed else self._size
        size = fitted(frame.width * self._pixel_width, frame.height, limit)
        picture = to_yuv420p(frame, size, self._untold or usual_matrix(frame.width, frame.height))
        return Ready(time, oriented(picture, orientation), self._interval)


class _Sounds:
    def __init__(self) -> None:
        self._resampler = Resampler()
        self._blocks = Blocks()
        self._next = 0.0

    def convert(self, frame: av.AudioFrame, time: float | None) -> Iterator[Ready]:
        """The blocks that are full with this frame."""
        time = self._next if time is None else time
        self._next = time + frame.samples / frame.sample_rate
        yield from map(_ready, self._blocks.add(time, self._resampler.samples(frame)))

    def rest(self) -> Iterator[Ready]:
        yield from map(_ready, self._blocks.flush())


def _ready(block: Block) -> Ready:
    return Ready(block.time, block.samples, BLOCK / RATE)
