"""RTP payloads: aiortc's own readers, and every decoder, get back what was packed."""

import random

import pytest
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peer.rtp.keyframes import starts_keyframe
from peer.rtp.payload import MAX_PAYLOAD, h264_payloads, split_annex_b, vp8_payloads

H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=99)
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)


def unit(kind: int, size: int) -> bytes:
    """A NAL unit without anything that looks like a start code."""
    return bytes([0x60 | kind]) + bytes(random.Random(size).choices(range(1, 256), k=size - 1))


@pytest.mark.parametrize("sizes", [[9, 4, 50], [9, 4, 5000], [1200], [1201], [1197, 2], [600, 600, 600], [40000]])
def test_h264_units_come_back_in_order(sizes: list[int]) -> None:
    units = [unit(7 if index == 0 else 5, size) for index, size in enumerate(sizes)]
    stream = b"".join(b"\0\0\0\1" + each for each in units)
    payloads = h264_payloads(stream)
    assert all(len(payload) <= MAX_PAYLOAD for payload in payloads)
    back = b"".join(depayload(H264, payload) for payload in payloads)
    assert list(split_annex_b(back)) == units
    assert starts_keyframe("H264", payloads[0])
    assert not any(
        starts_keyframe("H264", each) for each in payloads[1:] if each[0] & 0x1F == 28 and not each[1] & 0x80
    )


def test_short_start_codes_and_empty_units_are_read() -> None:
    assert list(split_annex_b(b"\0\0\1ab\0\0\1cd\0\0\0\1ef")) == [b"ab", b"cd", b"ef"]
    assert h264_payloads(b"") == []
    assert h264_payloads(b"\0\0\1") == []


@pytest.mark.parametrize(
    ("units", "is_key"), [([9, 7, 8, 5], True), ([9, 6, 5], True), ([9, 6], False), ([9, 1], False)]
)
def test_what_comes_before_a_keyframe_hides_it_in_no_packet(units: list[int], is_key: bool) -> None:
    aggregated = bytes([0x18]) + b"".join(b"\x00\x03" + bytes([0x60 | unit, 1, 2]) for unit in units)
    assert starts_keyframe("H264", aggregated) is is_key
    assert not starts_keyframe("H264", aggregated[:2])


@pytest.mark.parametrize("size", [1, 1195, 1196, 1197, 5000])
def test_vp8_frames_come_back(size: int) -> None:
    frame = bytes([0x10]) + random.Random(size).randbytes(size - 1)
    payloads = vp8_payloads(frame, 0x7FFF)
    assert all(len(payload) <= MAX_PAYLOAD for payload in payloads)
    assert b"".join(depayload(VP8, payload) for payload in payloads) == frame
    assert [starts_keyframe("VP8", payload) for payload in payloads] == [True] + [False] * (len(payloads) - 1)


def test_a_vp8_picture_that_needs_others_is_no_keyframe() -> None:
    assert not starts_keyframe("VP8", vp8_payloads(b"\x11rest", 1)[0])


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_any_bytes_can_be_asked_about(codec: str) -> None:
    source = random.Random(7)
    for _ in range(2000):
        starts_keyframe(codec, source.randbytes(source.randrange(8)))
