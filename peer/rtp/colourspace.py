"""The header extension `color-space` of WebRTC: what VP8 itself can't say of its colours. No I/O.

Chromium sends a canvas in BT.709 and full range, and says so in the last packet of each keyframe. Four bytes:
primaries, transfer and matrix (ITU-T H.273 §8), then range in bits 4 and 5, above the place of chroma samples.
"""

from dataclasses import dataclass

import av
from av.video.reformatter import ColorRange

from peer.rtp.packet import RtpPacket

URI = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
_FULL = 2


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """How to read the numbers of a picture."""

    matrix: int  # ITU-T H.273 §8.3
    full: bool  # luma goes from 0 to 255

    def tag(self, frame: av.VideoFrame) -> None:
        """Say it of a picture."""
        frame.colorspace = self.matrix
        frame.color_range = ColorRange.JPEG if self.full else ColorRange.MPEG


def parse(value: bytes | None) -> ColourSpace | None:
    """Read the extension; None when it is not there, or names no matrix that there is."""
    if value is None or len(value) < 4 or value[2] not in (1, 4, 5, 6, 7, 9):
        return None
    return ColourSpace(value[2], value[3] >> 4 & 3 == _FULL)


class SignalledColours:
    """What holds at the moment, by the packets of a stream."""

    def __init__(self, number: int) -> None:
        """`number` is the id that was negotiated; 0 for none."""
        self._number = number
        self._keyframe: int | None = None  # its RTP timestamp
        self.current: ColourSpace | None = None

    def see(self, packet: RtpPacket, *, keyframe: bool) -> None:
        """Take note of a packet; `keyframe` tells that it begins one. One that says nothing goes back to the usual."""
        if not self._number:
            return
        if keyframe:
            self._keyframe = packet.timestamp
        value = packet.extension(self._number)
        if value is not None or (packet.marker and packet.timestamp == self._keyframe):
            self.current = parse(value)
