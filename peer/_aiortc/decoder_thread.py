"""Decodes what one receiver got, in a thread of its own, and puts it into the receiver's track.

Uses `aiortc.rtcrtpreceiver.RemoteStreamTrack` and its `_queue`; of `aiortc.codecs`: `get_decoder`; of
`aiortc.jitterbuffer`: `JitterFrame`.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from peer.background import start_thread
from peer.media.base.encoder import TIME_BASE
from peer.rtp.colourspace import ColourSpace

logger = logging.getLogger(__name__)

MAX_CODED = {"video": 30, "audio": 50}
"""Coded frames that wait for the decoder: a second. A decoder that is further behind never catches up."""
MAX_DECODED = {"video": 8, "audio": 100}
"""Frames that wait in the track for its reader."""


@dataclass(frozen=True, slots=True)
class Task:
    """A coded frame. Each picture that needs others says so by not being a keyframe."""

    codec: RTCRtpCodecParameters
    data: bytes
    timestamp: int
    keyframe: bool = True
    colours: ColourSpace | None = None
    """Where they are told beside the picture."""


class _Vp8Decoder:
    """FFmpeg's own decoder takes a quarter less time than libvpx, which upstream uses (1280x720: 1.9 to 2.6 ms)."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("vp8", "r")
        self._codec.thread_count = 1

    def decode(self, coded: JitterFrame) -> list[Any]:
        packet: Any = av.Packet(coded.data)
        packet.pts, packet.time_base = coded.timestamp, TIME_BASE
        return list(self._codec.decode(packet))


def _make_decoder(codec: RTCRtpCodecParameters) -> Any:
    return _Vp8Decoder() if codec.name.upper() == "VP8" else get_decoder(codec)


class Decoder:
    """A thread with bounded queues before and behind it.

    When it falls behind with pictures, all that wait are dropped, `on_lost` is called, and it goes on with the next
    keyframe; of sound, the oldest is dropped. `on_lost` is also called when a picture can't be decoded.
    """

    def __init__(self, kind: str, codec: RTCRtpCodecParameters, on_lost: Callable[[], None]) -> None:
        """Of this codec first: its decoder is made while nothing is here yet."""
        self.track: RemoteStreamTrack | None = None
        """Where frames go; set before the first `put`."""
        self._kind = kind
        self._codec = codec
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._tasks: deque[Task | None] = deque()
        self._ready = threading.Semaphore(0)
        self._ended = False
        self._await_keyframe = False
        self.size = (0, 0)
        """Of the last picture, in pixels."""
        self.dropped = 0
        """Frames that came too fast for the decoder, or for the track's reader."""
        start_thread(self._run, f"decoding {kind}")

    def put(self, task: Task) -> None:
        """Decode this next."""
        if self._ended:
            return
        if len(self._tasks) >= MAX_CODED[self._kind]:
            self._fall_behind()
        if self._await_keyframe and not task.keyframe:
            self.dropped += 1
            return
        self._await_keyframe = False
        self._tasks.append(task)
        self._ready.release()

    def _fall_behind(self) -> None:
        # The thread may take some meanwhile: it skips a turn for each that is gone.
        if self._kind == "audio":
            with contextlib.suppress(IndexError):
                self._tasks.popleft()
                self.dropped += 1
            return
        self.dropped += len(self._tasks)
        self._tasks.clear()
        self._await_keyframe = True
        logger.debug("the decoder is behind: it goes on with the next keyframe")
        self._on_lost()

    def end(self) -> None:
        """Let the thread finish; the track ends after the last frame."""
        if not self._ended:
            self._ended = True
            self._tasks.append(None)
            self._ready.release()

    def _run(self) -> None:
        try:
            self._decode()
        finally:
            self._ended = True
            if self.track is not None:
                self._tell(self.track._queue.put_nowait, None)

    def _decode(self) -> None:
        name, decoder = self._codec.name, _make_decoder(self._codec)
        while True:
            self._ready.acquire()
            try:
                task = self._tasks.popleft()
            except IndexError:
                continue
            if task is None:
                break
            if task.codec.name != name:
                name, decoder = task.codec.name, _make_decoder(task.codec)
            try:
                frames = decoder.decode(JitterFrame(task.data, task.timestamp))
            except av.FFmpegError as error:
                logger.debug("a frame of %s can't be decoded: %s", name, error)
                self._tell(self._on_lost)
                continue
            for frame in frames:
                if task.colours is not None and isinstance(frame, av.VideoFrame):
                    task.colours.tag(frame)
                self._tell(self._give, frame)

    def _give(self, frame: object) -> None:
        if isinstance(frame, av.VideoFrame):
            self.size = (frame.width, frame.height)
        if self.track is None:
            return  # nothing was put either
        waiting = self.track._queue
        if waiting.qsize() >= MAX_DECODED[self._kind]:
            waiting.get_nowait()
            self.dropped += 1
        waiting.put_nowait(frame)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)
