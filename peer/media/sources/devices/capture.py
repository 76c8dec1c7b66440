"""A camera or microphone as a source: captured by a thread while a call needs it, shared by calls that follow.

While a device gives nothing, since it was unplugged, is taken by another program or hangs, the call goes on with the
last picture or with silence, and the device is tried again and again.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import av
import av.container
import numpy as np
from aiortc import MediaStreamError, MediaStreamTrack

from peer.background import start_thread
from peer.media.base.frames import FrameStream
from peer.media.base.pictures import fitted, to_yuv420p
from peer.media.base.sound import BLOCK, RATE, Blocks, Resampler, Samples, block_frame
from peer.media.base.sound import TIME_BASE as AUDIO_TIME_BASE
from peer.media.base.source import Notify
from peer.media.base.threads import call_on_loop
from peer.media.sources.devices.drift import Drift, Stretcher
from peer.media.sources.devices.probing import Found, explained, real_error
from peer.media.sources.devices.standin import HANGS, Frame, StandIn
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE

logger = logging.getLogger(__name__)

AUDIO_ROOM = 10  # blocks of 20 ms that wait for a slow call before the oldest are dropped
LINGER = 2.0  # seconds that a device is kept open for the next call, since opening takes a camera time
RETRY = 1.0  # seconds between attempts to get back a device that was lost
PIECE = BLOCK // 2  # samples that are worth the work of stretching: some cards give a hundred at a time
FAREWELL = 2.0  # seconds that a thread which waits for a device is given to end


class DeviceSource:
    """Gives each track the newest picture, or the last moments of sound; nothing piles up when a call is slow."""

    def __init__(self, found: Found, notify: Notify, *, linger: float = LINGER) -> None:
        """Must be made on the event loop."""
        self.kinds = frozenset({found.device.kind})
        self.label = found.label
        self._found = found
        self._notify = notify
        self._linger = linger
        self._tracks: set[_DeviceTrack] = set()
        self._capture: _Capture | None = None  # while it runs
        self._loop = asyncio.get_running_loop()
        self._begin = time.monotonic()
        self._stand_in = StandIn(found.device.kind, found.size, self._begin, self._deliver, self._hangs)

    def open_tracks(self) -> list[MediaStreamTrack]:
        """One new track. The device is opened, unless it is open."""
        track = _DeviceTrack(self._found.device.kind, self._stopped)
        self._tracks.add(track)
        if self._capture is None or self._capture.stopping:
            deliver = self._stand_in.deliver
            self._capture = _Capture(self._found, deliver, self._tell, self._begin, after=self._capture)
        self._stand_in.start()
        return [track]

    async def close(self) -> None:
        """End the tracks, and release the device."""
        for track in list(self._tracks):
            track.stop()
        if self._capture is not None:
            self._capture.stop()
            await asyncio.to_thread(self._capture.join, FAREWELL)

    def _deliver(self, frame: Frame) -> None:
        for track in self._tracks:
            track.frames.put(frame)

    def _hangs(self) -> None:
        if self._capture is not None:
            self._capture.hangs()

    def _tell(self, line: str) -> None:
        call_on_loop(self._loop, self._notify, line)

    def _stopped(self, track: "_DeviceTrack") -> None:
        self._tracks.discard(track)
        if not self._tracks:
            self._stand_in.stop()
            self._loop.call_later(self._linger, self._release_if_unused)

    def _release_if_unused(self) -> None:
        if not self._tracks and self._capture is not None:
            self._capture.stop()


class _DeviceTrack(MediaStreamTrack):
    def __init__(self, kind: str, stopped: "Callable[[_DeviceTrack], None]") -> None:
        super().__init__()
        self.kind = kind
        self.frames: FrameStream[Frame] = FrameStream(1 if kind == "video" else AUDIO_ROOM)
        self._stopped = stopped

    async def recv(self) -> Frame:
        """The newest picture, or the next 20 ms, as soon as it is there."""
        if self.readyState == "live":
            async for frame in self.frames:
                return frame
        raise MediaStreamError

    def stop(self) -> None:
        """End the track. The device is released when no call needs it any more."""
        if self.readyState == "live":
            super().stop()
            self.frames.close()
            self._stopped(self)


class _Capture:
    """The thread that reads a device, and opens it again when it was lost."""

    def __init__(
        self,
        found: Found,
        deliver: Callable[[Frame], None],
        tell: Notify,
        begin: float,
        *,
        after: "_Capture | None",
    ) -> None:
        """`deliver` is called on the event loop, `tell` in the thread. Time counts from `begin`.

        `after` is the capture of this device before this one: the device is opened when that has let go of it.
        """
        self._found = found
        self._deliver = deliver
        self._tell = tell
        self._begin = begin
        self._after = after
        self._stop = threading.Event()
        self._lost = False  # and it was told
        self._heard = time.monotonic()  # when the device last gave something
        self._loop = asyncio.get_running_loop()
        self._box: deque[Frame] = deque(maxlen=1 if found.device.kind == "video" else AUDIO_ROOM)
        self._box_lock = threading.Lock()
        self._thread = start_thread(self._run, f"capturing {found.device.name}")

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let go of the device, soon."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait until the device is released."""
        self._thread.join(timeout)

    def _run(self) -> None:
        if self._after is not None:
            self._after.join(FAREWELL)
            self._after = None
        while not self.stopping:
            try:
                for frame in self._frames():
                    self._hand_over(frame)
                problem = "gives nothing more"
            except (OSError, av.FFmpegError) as error:
                problem = explained(real_error(error, self._found.opening), self._found.device.kind)
            if not self.stopping:
                self._lose(problem)
            self._stop.wait(RETRY)

    def hangs(self) -> None:
        """Nothing comes. If that is because the thread waits for the device, tell it."""
        if not self.stopping and time.monotonic() - self._heard >= HANGS:
            self._lose("gives nothing")

    def _lose(self, problem: str) -> None:
        if not self._lost:
            self._lost = True
            self._tell(f"{self._found.device.label} {problem}. The call goes on without it until it is back")

    def _frames(self) -> Iterator[Frame]:
        opening, moved = self._found.opening, self._found.device.moved
        path = (moved() if self._lost and moved else None) or opening.file
        with av.open(path, format=opening.format, options=opening.options) as file:
            sounds = _Sounds(self._begin)
            for frame in _decoded(file):
                if self.stopping:
                    return
                self._heard = time.monotonic()
                if self._lost:
                    self._lost = False
                    self._tell(f"{self._found.device.label} is back")
                if isinstance(frame, av.VideoFrame):
                    yield self._picture(frame)
                else:
                    yield from sounds.convert(frame)

    def _picture(self, frame: av.VideoFrame) -> av.VideoFrame:
        moment = time.monotonic() - self._begin
        limit = self._found.device.limit
        picture = to_yuv420p(frame, fitted(frame.width, frame.height, limit) if limit else None)
        picture.pts, picture.time_base = round(moment * VIDEO_TIME_BASE.denominator), VIDEO_TIME_BASE
        return picture

    def _hand_over(self, frame: Frame) -> None:
        """To the event loop, without leaving anything there when it is slow: what is not fetched is replaced."""
        with self._box_lock:
            first = not self._box
            self._box.append(frame)
        if first:
            call_on_loop(self._loop, self._fetch)

    def _fetch(self) -> None:
        with self._box_lock:
            frames = list(self._box)
            self._box.clear()
        for frame in frames:
            self._deliver(frame)


def _decoded(file: av.container.InputContainer) -> Iterator[Frame]:
    """What a device gives, but for the broken pictures that USB cameras send now and then, above all at the start."""
    for packet in file.demux(file.streams[0]):
        try:
            frames = packet.decode()
        except av.InvalidDataError as error:
            logger.debug("left out what can't be decoded: %s", error)
            continue
        yield from (frame for frame in frames if isinstance(frame, av.VideoFrame | av.AudioFrame))


class _Sounds:
    """Cuts what a sound card gives into blocks, in step with this machine's clock."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._resampler = Resampler()
        self._stretcher = Stretcher()
        self._drift = Drift()
        self._blocks = Blocks()
        self._waiting: Samples = np.empty((0, 2), np.int16)  # for PIECE of them
        self._next: float | None = None  # when the next samples begin, in seconds since `begin`

    def convert(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        self._waiting = np.concatenate([self._waiting, self._resampler.samples(frame)])
        if len(self._waiting) < PIECE:
            return
        samples = self._stretcher.stretch(self._waiting, self._drift.speed)
        self._waiting = self._waiting[:0]
        arrival, length = time.monotonic() - self._begin, len(samples) / RATE
        moment = arrival - length if self._next is None else self._next
        moment += self._drift.note(arrival, len(samples))
        self._next = moment + length
        for block in self._blocks.add(moment, samples):
            sound = block_frame(block.samples)
            sound.pts, sound.time_base = round(block.time * RATE), AUDIO_TIME_BASE
            yield sound
