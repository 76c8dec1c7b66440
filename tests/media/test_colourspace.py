"""What a browser says of its colours beside VP8 is followed, from the keyframe on with which it comes."""

import av
import pytest

from peer.rtp.colourspace import ColourSpace, SignalledColours, parse
from peer.rtp.packet import RtpPacket, retransmitted

CANVAS = ColourSpace(1, full=True)


def packet(timestamp: int, value: bytes | None = None, *, marker: bool = True) -> RtpPacket:
    block = b"" if value is None else bytes([6 << 4 | len(value) - 1]) + value
    return RtpPacket(96, marker, 7, timestamp, 1, b"\0\7picture", 0xBEDE, block + bytes(-len(block) % 4))


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (bytes([1, 13, 1, 0x20]), CANVAS),
        (bytes([1, 1, 1, 0x10]), ColourSpace(1, full=False)),
        (bytes([6, 6, 6, 0x15]), ColourSpace(6, full=False)),
        (bytes([9, 16, 9, 0x10]) + bytes(24), ColourSpace(9, full=False)),
        (bytes([1, 1, 2, 0x10]), None),
        (bytes([1, 1, 255, 255]), None),
        (b"\1\1", None),
        (None, None),
    ],
)
def test_the_extension_is_read(value: bytes | None, meaning: ColourSpace | None) -> None:
    assert parse(value) == meaning


def test_it_holds_until_a_keyframe_says_nothing() -> None:
    colours = SignalledColours(6)
    colours.see(packet(0, marker=False), keyframe=True)
    colours.see(packet(0, bytes([1, 13, 1, 0x20])), keyframe=False)
    assert colours.current == CANVAS
    colours.see(packet(3000), keyframe=False)
    assert colours.current == CANVAS
    colours.see(packet(6000), keyframe=True)
    assert colours.current is None


def test_it_counts_also_in_a_packet_that_was_sent_again() -> None:
    colours = SignalledColours(6)
    colours.see(retransmitted(packet(0, bytes([1, 13, 1, 0x20])), 96, 1), keyframe=True)
    assert colours.current == CANVAS


def test_without_agreement_it_is_not_looked_at() -> None:
    colours = SignalledColours(0)
    colours.see(packet(0, bytes([1, 13, 1, 0x20])), keyframe=True)
    assert colours.current is None


def test_a_picture_is_read_by_it() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    for plane, value in zip(frame.planes, (139, 87, 101), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    CANVAS.tag(frame)
    red, green, blue = map(int, frame.to_ndarray(format="rgb24")[8, 8])
    assert max(abs(red - 96), abs(green - 160), abs(blue - 64)) <= 3
