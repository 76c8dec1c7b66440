"""What turns the frames of one sender into payloads, and the thread that does it.

Uses `get_encoder` of `aiortc.codecs`: aiortc's encoders of sound.
"""

import asyncio
import contextlib
import queue
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import av
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peer.background import start_thread
from peer.media.base.encoder import VIDEO_CLOCK, Packet, VideoEncoder, prepared
from peer.media.encoders.hardware import make_h264
from peer.media.encoders.vp8 import Vp8Encoder
from peer.rtp.adaptation import Fitter
from peer.rtp.congestion import BitrateController

SOUND_PACKETS = 50
"""In a second: aiortc's encoders make packets of 20 ms."""

Coded: TypeAlias = tuple[list[bytes], int]
"""Payloads, and the time of the first in units of the codec's clock."""


class Coder:
    """Codes one frame after another, in a thread of its own: half the cost of asyncio's pool, and nobody to wait for.

    The thread starts at once, as that takes long on a busy machine, and ends with `close`.
    """

    def __init__(self, codec: RTCRtpCodecParameters, controller: BitrateController, encoder: str = "software") -> None:
        """`encoder` is whose H264 to use: see `make_h264`."""
        video = codec.mimeType.lower().startswith("video/")
        self.name = codec.name
        self.samples = codec.clockRate // SOUND_PACKETS
        """How far a packet of sound takes the codec's clock."""
        self._codec, self._controller, self._encoder = codec, controller, encoder
        self._make: Callable[[], _Encode] = self._make_video if video else self._make_audio
        self._tasks: queue.SimpleQueue[tuple[asyncio.Future[Coded], Any, bool] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        start_thread(self._run, f"encoding {codec.name}")

    def __call__(self, data: Any, keyframe: bool) -> asyncio.Future[Coded]:
        """The payloads of a frame or packet. Raises `av.FFmpegError` for one that can't be coded."""
        future: asyncio.Future[Coded] = self._loop.create_future()
        self._tasks.put((future, data, keyframe))
        return future

    def close(self) -> None:
        """Let the thread end."""
        self._tasks.put(None)

    def _run(self) -> None:
        encode: _Encode | None = None
        while (task := self._tasks.get()) is not None:
            future, data, keyframe = task
            try:
                encode = encode or self._make()
                coded = encode(data, keyframe)
            except Exception as error:  # noqa: BLE001 it is raised where the frame came from
                self._tell(_settle, future, None, error)
            else:
                self._tell(_settle, future, coded, None)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    def _make_video(self) -> "_Encode":
        return _VideoCoder(self._codec, self._controller, self._encoder)

    def _make_audio(self) -> "_Encode":
        return _SoundCoder(self._codec)


_Encode: TypeAlias = Callable[[Any, bool], Coded]


def _settle(future: asyncio.Future[Coded], coded: Coded | None, error: Exception | None) -> None:
    if future.done():
        return  # cancelled: nobody waits any more
    if error is not None:
        future.set_exception(error)
    elif coded is not None:
        future.set_result(coded)


class _SoundCoder:
    """aiortc's encoder of a sound codec, fed with sound of one form: whatever the track gives, in that of its first.

    Upstream's encoders assert that it is s16 in one or two channels, and their resamplers that it never changes.
    """

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        self._encoder = get_encoder(codec)
        self._form: tuple[str, str, int] | None = None
        self._others: dict[tuple[str, str, int], av.AudioResampler] = {}
        """By the form that sound comes in."""

    def __call__(self, data: av.AudioFrame | Packet, keyframe: bool) -> Coded:
        if isinstance(data, av.Packet):
            return self._encoder.pack(data)
        payloads: list[bytes] = []
        begins: int | None = None
        for frame in self._formed(data):
            coded, timestamp = self._encoder.encode(frame, keyframe)
            payloads += coded
            # Before it has enough for a packet, G.711's and G.722's encoders give ([], None).
            begins = timestamp if begins is None and coded else begins
        return payloads, begins or 0

    def _formed(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if self._form is None:
            layout = form[1] if form[1] in ("mono", "stereo") else "stereo"
            self._form = "s16", layout, form[2]
        if form == self._form:
            return [frame]
        if form not in self._others:
            self._others[form] = av.AudioResampler(*self._form)
        return self._others[form].resample(frame)


class _VideoCoder:
    """Fits each picture to the link and the machine, and codes it."""

    def __init__(self, codec: RTCRtpCodecParameters, controller: BitrateController, encoder: str) -> None:
        self._controller = controller
        self._fitter = Fitter()
        self._fitted: tuple[int, int, int] | None = None
        rates = controller.target, controller.maximum
        self._encoder: VideoEncoder = make_h264(encoder, *rates) if codec.name == "H264" else Vp8Encoder(*rates)

    def __call__(self, data: av.VideoFrame | Packet, keyframe: bool) -> Coded:
        seconds = float((data.pts or 0) * (data.time_base or 0))
        timestamp = int((data.pts or 0) * (data.time_base or 0) * VIDEO_CLOCK)
        if isinstance(data, av.Packet):
            return self._encoder.pack(data), timestamp
        started_at = time.monotonic()
        self._fit(data, seconds)
        bitrate = self._controller.target
        if self._controller.is_narrow and not keyframe and self._fitter.leaves_out(bitrate, started_at):
            return [], timestamp
        size = self._fitter.size(data.width, data.height, bitrate, started_at)
        self._encoder.bitrate, self._encoder.maximum = bitrate, self._controller.maximum
        payloads = self._encoder.encode(prepared(data, size), keyframe=keyframe)
        now = time.monotonic()
        self._fitter.coded(now - started_at)
        self._fitter.owes(sum(map(len, payloads)), bitrate, now)
        return payloads, timestamp

    def _fit(self, frame: av.VideoFrame, seconds: float) -> None:
        self._fitter.see(seconds)
        # Few pictures a second may be the fault of a busy machine, which would then get a bad picture, too.
        fitted = (frame.width, frame.height, max(30, round(self._fitter.fps / 10) * 10))
        if fitted != self._fitted:
            self._fitted = fitted
            self._controller.fit(*fitted)
