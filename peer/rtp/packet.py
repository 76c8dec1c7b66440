"""RTP packets as they are received (RFC 3550 §5.1): only what receiving needs, with little work for each. No I/O."""

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_BLOCK = struct.Struct("!HH")
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000


@dataclass(slots=True)
class RtpPacket:
    """A packet. `extensions` is the block of header extensions, undecoded, and `profile` its kind (RFC 8285 §4)."""

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    profile: int = 0
    extensions: bytes = b""

    def extension(self, number: int) -> bytes | None:
        """The value of the header extension with this id; None when the packet has none, or the block is broken."""
        one_byte = self.profile == ONE_BYTE_PROFILE
        if not one_byte and self.profile & 0xFFF0 != TWO_BYTE_PROFILE:
            return None
        block, position, end = self.extensions, 0, len(self.extensions)
        while position < end:
            if not block[position]:  # padding
                position += 1
                continue
            if one_byte:
                found, length, start = block[position] >> 4, (block[position] & 15) + 1, position + 1
            elif position + 1 < end:
                found, length, start = block[position], block[position + 1], position + 2
            else:
                return None
            position = start + length
            if found == number:
                return block[start:position] if position <= end else None
        return None


def parse(data: bytes) -> RtpPacket:
    """Read a packet. Raises `ValueError` for what is none."""
    if len(data) < 12 or data[0] >> 6 != 2:
        raise ValueError("not an RTP packet")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = 12 + 4 * (first & 15), len(data)
    profile, extensions = 0, b""
    if first & 0x10:
        if start + 4 > end:
            raise ValueError("an RTP packet's header extension is cut off")
        profile, words = _BLOCK.unpack_from(data, start)
        start += 4 + 4 * words
        extensions = data[start - 4 * words : start]
    if first & 0x20:
        padding = data[-1]
        if not padding:
            raise ValueError("an RTP packet's padding has no length")
        end -= padding
    if start > end:
        raise ValueError("an RTP packet is shorter than its header says")
    return RtpPacket(
        second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end], profile, extensions
    )


def retransmitted(packet: RtpPacket, payload_type: int, ssrc: int) -> RtpPacket:
    """The packet that one of a retransmission stream carries (RFC 4588 §4), whose payload has two bytes at least."""
    return RtpPacket(
        payload_type,
        packet.marker,
        packet.payload[0] << 8 | packet.payload[1],
        packet.timestamp,
        ssrc,
        packet.payload[2:],
        packet.profile,
        packet.extensions,
    )
