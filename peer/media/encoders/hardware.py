"""H264 by encoders in hardware, where there is one that does what a call needs; else by x264.

An encoder is taken only if it codes test pictures at once, one by one, in the profile that was negotiated: drivers
take options without a word and do something else.
"""

import fractions
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

from peer.media.base.colours import tag
from peer.media.base.encoder import KEYFRAME_EVERY, TIME_BASE, Packet, VideoEncoder, mark
from peer.media.encoders.h264 import H264Encoder
from peer.rtp.payload import h264_payloads, split_annex_b

logger = logging.getLogger(__name__)

OPTIONS: dict[str, dict[str, str]] = {
    "h264_nvenc": {
        "preset": "p3",
        "tune": "ull",
        "zerolatency": "1",
        "delay": "0",
        "rc": "cbr",
        "profile": "baseline",
        "forced-idr": "1",
    },
    "h264_qsv": {"preset": "veryfast", "profile": "baseline", "async_depth": "1", "forced_idr": "1"},
    "h264_amf": {"usage": "ultralowlatency", "profile": "constrained_baseline", "rc": "cbr", "forced_idr": "1"},
    "h264_videotoolbox": {"realtime": "1", "profile": "baseline", "prio_speed": "1"},
    "h264_v4l2m2m": {},
}
"""What each is opened with, by FFmpeg's name."""
DEVICES: dict[str, dict[str, str]] = {
    "linux": {
        "h264_nvenc": "nvidia[0-9]*",
        "h264_qsv": "dri/renderD*",
        "h264_amf": "dri/renderD*",
        "h264_v4l2m2m": "video1[0-9]",
    },
}
"""The files in /dev that show that one may be there; elsewhere than on Linux, there are none to look at."""
FORMATS = {"h264_nvenc": "yuv420p", "h264_amf": "yuv420p", "h264_v4l2m2m": "yuv420p"}
TOLERANCE = 0.25
"""Not all of them take a new rate while they run: they are made anew, with a keyframe, when it is so far away."""
TEST_PICTURES = 3
_BASELINE = 66  # profile_idc (ITU-T H.264 §A.2.1)


class UnusableEncoderError(Exception):
    """An encoder that opens, but can't be used in a call."""


class HardwareEncoder:
    """One of `OPTIONS`. Should it fail in mid-call, x264 takes over."""

    def __init__(self, name: str, bitrate: int, maximum: int) -> None:
        """Raises `UnusableEncoderError`, or what PyAV raises, when it does not do what a call needs."""
        self.bitrate, self.maximum = bitrate, maximum
        self._name = name
        self._context: VideoCodecContext | None = None
        self._rate = 0
        self._instead: H264Encoder | None = None
        _try(name, bitrate)

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture."""
        if self._instead is None:
            try:
                return h264_payloads(self._code(frame, keyframe=keyframe))
            except av.FFmpegError as error:
                logger.warning("the encoder %s failed (%s): x264 takes over", self._name, error)
                self._instead = H264Encoder(self.bitrate, self.maximum)
        self._instead.bitrate, self._instead.maximum = self.bitrate, self.maximum
        return self._instead.encode(frame, keyframe=keyframe)

    def _code(self, frame: av.VideoFrame, *, keyframe: bool) -> bytes:
        context = self._context
        if (
            context is None
            or (context.width, context.height) != (frame.width, frame.height)
            or abs(self.bitrate - self._rate) > TOLERANCE * self._rate
        ):
            self._rate = self.bitrate
            context = self._context = _open(self._name, frame.width, frame.height, self._rate)
        wanted = frame
        if frame.format.name != context.pix_fmt:
            wanted = frame.reformat(format=context.pix_fmt)
            wanted.pts, wanted.time_base = frame.pts, frame.time_base
        mark(wanted, keyframe=keyframe)
        return b"".join(bytes(packet) for packet in context.encode(wanted))

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a coded picture, in the byte stream format."""
        return h264_payloads(bytes(packet))


def make_h264(choice: str, bitrate: int, maximum: int) -> VideoEncoder:
    """The encoder to use: "software", "auto" (hardware if there is any that works), or one of `OPTIONS` by name."""
    names = [] if choice == "software" else present() if choice == "auto" else [choice]
    problems = []
    for name in names:
        try:
            encoder = HardwareEncoder(name, bitrate, maximum)
        except av.codec.codec.UnknownCodecError:
            problems.append(f"{name}: not in this build of FFmpeg")
        except (av.FFmpegError, UnusableEncoderError, ValueError) as error:
            problems.append(f"{name}: {getattr(error, 'strerror', None) or error}")
        else:
            logger.info("pictures are coded by %s", name)
            return encoder
    if problems:
        logger.warning("no encoder in hardware works (%s): x264 codes the pictures", "; ".join(problems))
    return H264Encoder(bitrate, maximum)


def present() -> Sequence[str]:
    """The encoders that may be there on this machine."""
    if sys.platform == "darwin":
        return ["h264_videotoolbox"]
    if sys.platform == "win32":
        return ["h264_nvenc", "h264_qsv", "h264_amf"]
    return [name for name, pattern in DEVICES["linux"].items() if any(Path("/dev").glob(pattern))]


def _open(name: str, width: int, height: int, bitrate: int) -> VideoCodecContext:
    context = av.CodecContext.create(name, "w")
    if not isinstance(context, VideoCodecContext):
        raise UnusableEncoderError("codes no pictures")
    context.width, context.height, context.pix_fmt = width, height, FORMATS.get(name, "nv12")
    context.time_base, context.framerate = TIME_BASE, fractions.Fraction(30)
    context.bit_rate = bitrate
    context.gop_size = KEYFRAME_EVERY
    context.max_b_frames = 0
    tag(context)
    context.options = {**OPTIONS[name], "maxrate": str(bitrate), "bufsize": str(bitrate // 2)}
    context.open()
    return context


def _try(name: str, bitrate: int) -> None:
    """Code some grey pictures, and look at what comes."""
    context = _open(name, 640, 360, bitrate)
    for index in range(TEST_PICTURES):
        frame = av.VideoFrame(640, 360, context.pix_fmt or "nv12")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = index * 3000, TIME_BASE
        coded = b"".join(bytes(packet) for packet in context.encode(frame))
        if not coded:
            raise UnusableEncoderError("holds pictures back")
        if not index:
            profiles = [unit[1] for unit in split_annex_b(coded) if len(unit) > 1 and unit[0] & 0x1F == 7]
            if profiles != [_BASELINE]:
                raise UnusableEncoderError("does not code the baseline profile")
