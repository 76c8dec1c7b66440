"""What the partner sends, as it was coded: for sinks that write it on without decoding it. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodedMedia:
    """A coded picture or a packet of sound, complete and in order.

    A picture comes only when all those are there that it needs, back to its keyframe: after a loss that can't be
    mended, the next one is a keyframe.
    """

    kind: str
    """"video" or "audio"."""
    codec: str
    """The name of its RTP payload format, such as "VP8", "H264" (here with start codes, Annex B) or "opus"."""
    data: bytes
    time: float
    """Seconds on the sender's clock for this track, from an arbitrary start."""

    @property
    def is_keyframe(self) -> bool:
        """Whether it is a picture that needs no other."""
        if self.codec.upper() == "VP8":
            return bool(self.data) and not self.data[0] & 0x01  # RFC 6386 §9.1
        return self.codec.upper() == "H264" and 5 in nal_types(self.data)


@dataclass(frozen=True, slots=True)
class CodedFeed:
    """A call's coded media, as a sink is offered it."""

    codecs: Mapping[str, str]
    """The codec that was agreed to for each kind, such as {"video": "VP8", "audio": "opus"}."""
    request_keyframe: Callable[[], None]
    """Asks the partner for a keyframe: it may take a round trip, or never come."""


def nal_types(data: bytes) -> set[int]:
    """The types of the NAL units of an H.264 picture in Annex B form (ITU-T H.264 §7.3.1, §B.1.1)."""
    types = set()
    position = data.find(b"\x00\x00\x01")
    while 0 <= position < len(data) - 3:
        types.add(data[position + 3] & 0x1F)
        position = data.find(b"\x00\x00\x01", position + 3)
    return types
