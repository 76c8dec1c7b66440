"""Plays a file once or for ever: its pictures and its sound in the form that calls need, into a playout."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.format import Flags

from peer.media.film import Streams, decode, open_film, streams_of
from peer.media.pictures import fitted, to_yuv420p, turned
from peer.media.playout import Playout, Ready
from peer.media.sound import BLOCK, RATE, Block, Blocks, Resampler

LARGEST = (1920, 1080)
FASTEST = 60.0
DISCONTINUITY = 10.0  # seconds: a jump like this is a new clock, not a pause, in formats that allow such


@dataclass(frozen=True)
class Film:
    """A file or URL, which of its kinds to play, and the most that it is sent with."""

    url: str
    kinds: frozenset[str]
    size: tuple[int, int] | None = None  # width, height; pictures keep their shape and are never made larger
    fps: float | None = None
    loop: bool = False


def play(film: Film, playout: Playout) -> None:
    """Put the frames of a film into a playout until it ends or nobody listens. Blocks; for a thread.

    Raises MediaError or av.FFmpegError when it can't be read (any more).
    """
    begin = 0.0
    try:
        while True:
            end = begin
            with open_film(film.url) as file:
                for kind, ready in _frames(file, film):
                    moved = dataclasses.replace(ready, time=begin + ready.time)
                    playout.put(kind, moved)
                    if playout.abandoned:
                        return
                    end = max(end, moved.time + ready.duration)
            if not film.loop or end == begin:
                return
            begin = end
    finally:
        playout.finish()


def _frames(file: av.container.InputContainer, film: Film) -> Iterator[tuple[str, Ready]]:
    """One run through a file, from time 0."""
    streams = streams_of(file, film.kinds)
    clock = _Clock(streams, jumps=Flags.ts_discont in Flags(file.format.flags))
    pictures = _Pictures(film, streams.get("video"))
    sounds = _Sounds()
    for stream in streams.values():
        stream.codec_context.thread_type = "AUTO"
    for packet in file.demux(*streams.values()):
        for frame in decode(packet):
            time = clock.time(frame)
            if isinstance(frame, av.AudioFrame):
                yield from (("audio", ready) for ready in sounds.convert(frame, time))
            elif ready := pictures.convert(frame, time):
                yield "video", ready
    yield from (("audio", ready) for ready in sounds.rest())


class _Clock:
    """Makes the timestamps of a file start at 0, whatever they start with."""

    def __init__(self, streams: Streams, *, jumps: bool) -> None:
        starts = [
            float(s.start_time * s.time_base) for s in streams.values() if s.start_time is not None and s.time_base
        ]
        self._start: float | None = min(starts, default=None)
        self._jumps = jumps
        self._last = 0.0

    def time(self, frame: av.VideoFrame | av.AudioFrame) -> float | None:
        """The time of a frame, or None where the file does not tell."""
        if frame.time is None:
            return None
        if self._start is None:
            self._start = frame.time
        time = frame.time - self._start
        if self._jumps and abs(time - self._last) > DISCONTINUITY:
            self._start += time - self._last
            time = self._last
        self._last = time
        return max(time, 0.0)


class _Pictures:
    """Makes pictures even-sided, upright, with square pixels, of a bearable size, at a bearable rate."""

    def __init__(self, film: Film, stream: av.VideoStream | av.AudioStream | None) -> None:
        self._size = film.size or LARGEST
        self._fps = film.fps or FASTEST
        rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
        self._interval = float(1 / rate) if rate else 1 / 30
        aspect = stream.sample_aspect_ratio if isinstance(stream, av.VideoStream) else None
        self._pixel_width = float(aspect) if aspect else 1.0
        self._next = 0.0  # when the next picture is expected
        self._last_slot = -1

    def convert(self, frame: av.VideoFrame, time: float | None) -> Ready | None:
        """The picture to send; None when this one is too much for the rate."""
        time = self._next if time is None else time
        self._next = time + self._interval
        slot = round(time * self._fps)
        if slot <= self._last_slot:
            return None
        self._last_slot = slot
        quarter_turn = round(frame.rotation / 90) % 2 == 1
        limit = self._size[::-1] if quarter_turn else self._size
        size = fitted(frame.width * self._pixel_width, frame.height, limit)
        return Ready(time, turned(to_yuv420p(frame, size), frame.rotation), self._interval)


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
