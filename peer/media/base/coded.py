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


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an H.264 picture in Annex B form (ITU-T H.264 §B.1.1)."""
    return [unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01")[1:] if unit]


def nal_types(data: bytes) -> set[int]:
    """The types of a picture's NAL units (ITU-T H.264 §7.3.1)."""
    return {unit[0] & 0x1F for unit in nal_units(data) if unit}


def parameter_sets(data: bytes) -> list[bytes]:
    """The sequence and picture parameter sets in an H.264 picture, which tell how to decode it."""
    return [unit for unit in nal_units(data) if unit and unit[0] & 0x1F in (7, 8)]


def vp8_size(keyframe: bytes) -> tuple[int, int] | None:
    """Width and height of a VP8 keyframe, in pixels (RFC 6386 §9.1); None when it is none."""
    if len(keyframe) < 10 or keyframe[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(keyframe[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


def opus_samples(packet: bytes) -> int:
    """How long a packet of Opus lasts, in samples of 48 kHz (RFC 6716 §3.1)."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    count = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 1)[code]
    return min(count * frame, 5760)
