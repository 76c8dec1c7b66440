"""H264 by x264: fast preset, no delay, and a bitrate that changes without a new encoder or a keyframe."""

from typing import TYPE_CHECKING

import av

from peer.media.encoders.base import FPS, KEYFRAME_EVERY, TIME_BASE, Packet, prepared
from peer.media.packets import h264_payloads

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext


class H264Encoder:
    """Constrained baseline, as the negotiated profiles 42001f and 42e01f want it."""

    def __init__(self, bitrate: int, maximum: int) -> None:
        self.bitrate = bitrate
        self._maximum = maximum
        self._context: VideoCodecContext | None = None

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture."""
        frame = prepared(frame, keyframe=keyframe)
        context = self._context
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            context = self._context = _open(frame.width, frame.height, self._maximum)
        # x264 takes a new rate in constant-bitrate mode only, in which it is opened at the maximum (seen).
        context.bit_rate = min(self.bitrate, self._maximum)
        return h264_payloads(b"".join(bytes(packet) for packet in context.encode(frame)))

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a coded picture, in the byte stream format."""
        return h264_payloads(bytes(packet))


def _open(width: int, height: int, maximum: int) -> "VideoCodecContext":
    context: VideoCodecContext = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = TIME_BASE, FPS
    context.bit_rate = maximum
    context.gop_size = KEYFRAME_EVERY
    context.max_b_frames = 0
    context.thread_type = "SLICE"
    context.options = {
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "level": "31" if width * height <= 1280 * 720 else "51",
        "maxrate": str(maximum),
        "bufsize": str(maximum // 4),
        # A scene change costs no keyframe: the partner has asked for none, and x264 codes it with intra blocks.
        "sc_threshold": "0",
        "forced-idr": "1",
    }
    context.open()
    return context
