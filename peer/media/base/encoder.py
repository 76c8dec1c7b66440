"""What a video encoder does, and what they share."""

import fractions
import os
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import av
from av.video.frame import PictureType

from peer.media.base.pictures import to_yuv420p

if TYPE_CHECKING:
    Packet: TypeAlias = av.Packet[Any]
else:
    Packet = av.Packet  # generic for type checkers only
VIDEO_CLOCK = 90_000
TIME_BASE = fractions.Fraction(1, VIDEO_CLOCK)
FPS = fractions.Fraction(30)
"""What rate control reckons with, before it has seen any."""
KEYFRAME_EVERY = 3000
"""Frames. Keyframes are sent when the partner asks; this is only a limit."""


class VideoEncoder(Protocol):
    """Turns pictures into RTP payloads."""

    bitrate: int
    """What to aim at from the next picture on, in bit/s."""
    maximum: int
    """What `bitrate` may become, in bit/s."""

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture, coded without others if `keyframe`. Runs in a thread; may be empty."""

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a picture that is coded already."""


def prepared(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> av.VideoFrame:
    """The picture as encoders take it, scaled to `size`. Sources give yuv420p, so this rarely has to convert."""
    converted = to_yuv420p(frame, size)
    if converted is not frame:
        converted.pts, converted.time_base = frame.pts, frame.time_base
    return converted


def mark(frame: av.VideoFrame, *, keyframe: bool) -> None:
    """Say what kind of picture to make of it."""
    frame.pict_type = PictureType.I if keyframe else PictureType.NONE


def threads(width: int, height: int) -> int:
    """One as long as one keeps up with 30 frames/s, as threads that share a picture cost time and quality."""
    return 1 if width * height <= 1920 * 1088 else min(4, os.cpu_count() or 1)
