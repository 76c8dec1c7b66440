"""RTP payloads of H264 (RFC 6184) and VP8 (RFC 7741): coded pictures into packets."""

import struct
from collections.abc import Iterator

MAX_PAYLOAD = 1200
"""Bytes: leaves room for headers, SRTP and a TURN channel within the 1280 bytes that every IPv6 link carries."""

_FU_A = 28
_STAP_A = 24


def split_annex_b(stream: bytes) -> Iterator[bytes]:
    """The NAL units of an H264 byte stream (ITU-T H.264 Annex B), without their start codes."""
    start = stream.find(b"\0\0\1")
    while start >= 0:
        start += 3
        end = stream.find(b"\0\0\1", start)
        unit = stream[start:] if end < 0 else stream[start:end]
        yield unit.rstrip(b"\0") if end >= 0 else unit
        start = end


def h264_payloads(stream: bytes) -> list[bytes]:
    """Packets of a coded picture: small units together (STAP-A), large ones in fragments (FU-A)."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    size = 1
    for unit in split_annex_b(stream):
        if not unit:
            continue
        if small and size + 2 + len(unit) > MAX_PAYLOAD:
            payloads.append(_aggregate(small))
            small, size = [], 1
        if len(unit) > MAX_PAYLOAD:
            payloads += _fragments(unit)
        else:
            small.append(unit)
            size += 2 + len(unit)
    if small:
        payloads.append(_aggregate(small))
    return payloads


def _aggregate(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    parts = [bytes([importance | _STAP_A])]
    for unit in units:
        parts += (struct.pack("!H", len(unit)), unit)
    return b"".join(parts)


def _fragments(unit: bytes) -> list[bytes]:
    count = -(-(len(unit) - 1) // (MAX_PAYLOAD - 2))
    step = -(-(len(unit) - 1) // count)  # all about as large: a last tiny packet costs as much as a full one
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    fragments = []
    for start in range(1, len(unit), step):
        first, last = start == 1, start + step >= len(unit)
        header = bytes([indicator, first << 7 | last << 6 | kind])
        fragments.append(header + unit[start : start + step])
    return fragments


def vp8_payloads(frame: bytes, picture_id: int) -> list[bytes]:
    """Packets of a coded picture; `picture_id` is 15 bits wide and goes up by one a picture."""
    descriptor = struct.pack("!BBH", 0x80, 0x80, 0x8000 | picture_id & 0x7FFF)
    room = MAX_PAYLOAD - len(descriptor)
    count = max(1, -(-len(frame) // room))
    step = -(-len(frame) // count) or 1
    first = bytes([descriptor[0] | 0x10]) + descriptor[1:]
    return [(first if start == 0 else descriptor) + frame[start : start + step] for start in range(0, len(frame), step)]
