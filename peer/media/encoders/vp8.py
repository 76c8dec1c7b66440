"""VP8 by libvpx, with settings for real time."""

import random
from typing import TYPE_CHECKING

import av

from peer.media.encoders.base import FPS, KEYFRAME_EVERY, TIME_BASE, Packet, prepared
from peer.media.packets import vp8_payloads

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

TOLERANCE = 0.25
"""libvpx through FFmpeg can't change its rate: it is made anew, with a keyframe, when the target is so far away."""


class Vp8Encoder:
    """One layer, no lag, one token partition."""

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        self._context: VideoCodecContext | None = None
        self._rate = 0
        self._picture_id = random.randrange(1 << 15)  # noqa: S311 only a starting point

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture."""
        frame = prepared(frame, keyframe=keyframe)
        context = self._context
        if (
            context is None
            or (context.width, context.height) != (frame.width, frame.height)
            or abs(self.bitrate - self._rate) > TOLERANCE * self._rate
        ):
            self._rate = self.bitrate
            context = self._context = _open(frame.width, frame.height, self._rate)
        return self._payloads(b"".join(bytes(packet) for packet in context.encode(frame)))

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a coded picture."""
        return self._payloads(bytes(packet))

    def _payloads(self, coded: bytes) -> list[bytes]:
        if not coded:
            return []
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        return vp8_payloads(coded, self._picture_id)


def _open(width: int, height: int, bitrate: int) -> "VideoCodecContext":
    context: VideoCodecContext = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = TIME_BASE, FPS
    context.bit_rate = bitrate
    context.gop_size = KEYFRAME_EVERY
    context.qmin, context.qmax = 2, 56
    # One thread: libvpx's threads wait by spinning. On a busy machine two of them took 57 ms of processor time for a
    # 720p picture, where one takes 4 ms (seen).
    context.thread_count = 1
    context.options = {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 2),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "noise-sensitivity": "0",
        "static-thresh": "1",
        "partitions": "0",
        "error-resilient": "0",
    }
    return context
