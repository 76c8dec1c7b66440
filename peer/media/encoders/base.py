"""What a video encoder does, and what they share."""

import fractions
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import av
from av.video.frame import PictureType

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

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture, coded without others if `keyframe`. Runs in a thread; may be empty."""

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a picture that is coded already."""


def prepared(frame: av.VideoFrame, *, keyframe: bool) -> av.VideoFrame:
    """The picture as encoders take it. Sources give yuv420p, so this rarely has to convert."""
    if frame.format.name != "yuv420p":
        converted = frame.reformat(format="yuv420p")
        converted.pts, converted.time_base = frame.pts, frame.time_base
        frame = converted
    frame.pict_type = PictureType.I if keyframe else PictureType.NONE
    return frame
