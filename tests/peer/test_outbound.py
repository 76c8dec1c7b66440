"""The packets of a stream as aiortc reads them: numbers, marks, header extensions, and the same once more."""

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, unwrap_rtx

from peer._aiortc.outbound import AUDIO_LEVEL_URI, HISTORY_PACKETS, MID_URI, SEND_TIME_URI, OutboundStream

EXTENSIONS = [
    RTCRtpHeaderExtensionParameters(id=number, uri=uri)
    for number, uri in enumerate((MID_URI, SEND_TIME_URI, AUDIO_LEVEL_URI), start=1)
]
PARAMETERS = RTCRtpSendParameters(
    codecs=[RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000, payloadType=97)],
    headerExtensions=EXTENSIONS,
    muxId="v1",
    rtcp=RTCRtcpParameters(cname="name"),
)


def stream(rtx: int | None = 98) -> OutboundStream:
    made = OutboundStream()
    made.configure(97, rtx, PARAMETERS)
    return made


def parse(packets: list[bytes]) -> list[RtpPacket]:
    extensions = HeaderExtensionsMap()
    extensions.configure(PARAMETERS)
    return [RtpPacket.parse(packet, extensions) for packet in packets]


def test_a_picture_in_two_bursts() -> None:
    it = stream()
    it.begin(3000)
    packets = parse(it.pack([b"one", b"two"], last=False) + it.pack([b"three"], last=True))
    assert [packet.payload for packet in packets] == [b"one", b"two", b"three"]
    assert [packet.marker for packet in packets] == [0, 0, 1]
    assert {packet.payload_type for packet in packets} == {97}
    assert {packet.ssrc for packet in packets} == {it.ssrc}
    assert {packet.timestamp for packet in packets} == {it.timestamp}
    first = packets[0].sequence_number
    assert [packet.sequence_number - first for packet in packets] == [0, 1, 2]
    assert all(packet.extensions.mid == "v1" and packet.extensions.abs_send_time for packet in packets)
    assert (it.packets, it.octets) == (3, 11)


def test_sound_has_its_level() -> None:
    it = stream()
    assert parse(it.pack([b"sound"], last=True, level=-30))[0].extensions.audio_level == (False, 30)


@pytest.mark.parametrize("rtx", [98, None])
def test_a_packet_once_more(rtx: int | None) -> None:
    it = stream(rtx)
    sent = parse(it.pack([b"one", b"two"], last=True))
    assert it.repeated_at(sent[1].sequence_number) == 0
    again = parse([it.again(sent[1].sequence_number, 5.0)])[0]
    assert it.repeated_at(sent[1].sequence_number) == 5.0
    if rtx is not None:
        assert (again.payload_type, again.ssrc) == (98, it.rtx_ssrc)
        again = unwrap_rtx(again, payload_type=97, ssrc=it.ssrc)
    assert again.serialize(HeaderExtensionsMap()) == sent[1].serialize(HeaderExtensionsMap())


def test_only_the_last_packets_are_remembered_and_numbers_go_round() -> None:
    it = stream()
    numbers = [parse(it.pack([index.to_bytes(3, "big")], last=True))[0].sequence_number for index in range(70_000 - 1)]
    assert 0xFFFF in numbers
    assert numbers[numbers.index(0xFFFF) + 1] == 0
    assert it.repeated_at(numbers[-1]) == 0
    assert it.repeated_at(numbers[-HISTORY_PACKETS]) == 0
    assert it.repeated_at(numbers[-HISTORY_PACKETS - 1]) is None
    assert it.octets == 3 * 69_999
    last, before = it.octets_until(numbers[-1]), it.octets_until(numbers[-11] + (3 << 16))
    assert last is not None
    assert before is not None  # reports count on past 16 bits
    assert last - before == 10 * len(it.pack([b"xyz"], last=True)[0])
    assert it.octets_until(numbers[-HISTORY_PACKETS - 1]) is None
