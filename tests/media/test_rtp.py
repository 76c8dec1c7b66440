"""RTP packets as they come, and what reports say of them."""

import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from peer.rtp import packet as rtp
from peer.rtp.reception import Reception


def test_a_packet_is_read_as_aiortc_wrote_it() -> None:
    written = RtpPacket(97, 1, 65535, 2**32 - 1, 7, b"payload")
    written.csrc = [1, 2]
    written.padding_size = 4
    read = rtp.parse(written.serialize(HeaderExtensionsMap()))
    assert (read.payload_type, read.marker, read.sequence_number) == (97, True, 65535)
    assert (read.timestamp, read.ssrc, read.payload) == (2**32 - 1, 7, b"payload")


@pytest.mark.parametrize(
    ("profile", "block"), [(0xBEDE, b"\x10a\x00\x52xyz\x00"), (0x1000, b"\x01\x01a\x00\x05\x03xyz\x00\x00\x00")]
)
def test_extensions_are_found_by_their_id(profile: int, block: bytes) -> None:
    packet = rtp.RtpPacket(97, False, 1, 2, 3, b"", profile, block)
    assert (packet.extension(1), packet.extension(5), packet.extension(4)) == (b"a", b"xyz", None)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_not(data: bytes) -> None:
    for start in (b"", b"\x90\x61", b"\xb1\xe1"):
        try:
            packet = rtp.parse(start + data)
        except ValueError:
            continue
        assert len(packet.payload) <= len(start + data) - 12
        for number in range(1, 16):
            packet.extension(number)


def test_loss_and_jitter_are_counted() -> None:
    stream = Reception(90_000)
    for index in range(100):
        if index % 10 != 3:
            stream.add(65500 + index & 0xFFFF, index * 3000, index / 30 + (index % 2) * 0.010)
    assert stream.packets_lost == 10
    assert stream.take_fraction_lost() == 256 * 10 // 100
    assert stream.take_fraction_lost() == 0
    assert stream.highest == 65599
    assert 0.008 < stream.jitter / 90_000 < 0.011


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1)), max_size=200))
def test_reports_hold_whatever_comes(packets: list[tuple[int, int]]) -> None:
    stream = Reception(48_000)
    for index, (number, timestamp) in enumerate(packets):
        stream.add(number, timestamp, index * 0.1)
        assert 0 <= stream.take_fraction_lost() < 256
        assert 0 <= stream.jitter < 2**32
        assert -(2**23) <= stream.packets_lost < 2**23
