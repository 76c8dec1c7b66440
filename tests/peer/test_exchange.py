"""Offers with any sections, from aiortc as it is, and answers that reject some: what is negotiated, what is said."""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from peer.errors import NegotiationError
from peer.media.sources.drawn.testsource import TestSource
from peer.sdp.description import Description, parse_description, take_candidates
from peer.sdp.sections import Section, split, without
from peer.session.connection import Connection, ConnectionOptions
from tests.peer.hostile_program import Listener

VIDEO_PORT = "m=video 9"


@contextlib.asynccontextmanager
async def both_ends(sends: Sequence[str] = ("audio", "video")) -> AsyncIterator[tuple[Connection, RTCPeerConnection]]:
    """Ours, with something to send of these kinds, and a partner's that has nothing yet."""
    tracks = TestSource(sends, size=(320, 240)).open_tracks() if sends else []
    ours = Connection(ConnectionOptions(), tracks, Listener())
    partner = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield ours, partner
    finally:
        await ours.close()
        await partner.close()


async def offer_of(partner: RTCPeerConnection, *sections: tuple[str, str]) -> str:
    for kind, direction in sections:
        if kind == "data":
            partner.createDataChannel("words")
        else:
            partner.addTransceiver(kind, direction=direction)
    await partner.setLocalDescription(await partner.createOffer())
    sdp = take_candidates(Description("offer", partner.localDescription.sdp))[0]
    return re.sub(r"(?m)^(m=\w+) \d+", r"\1 9", sdp)


def written(sdp: str) -> list[tuple[str, str]]:
    """Each section's kind, and its direction, or that it is rejected."""
    found = []
    for section in split(sdp)[1]:
        direction = next((line[2:] for line in section.lines if line.startswith(("a=send", "a=recv", "a=inac"))), "")
        found.append((section.kind, "rejected" if section.is_rejected else direction))
    return found


@pytest.mark.parametrize(
    ("offered", "answered", "left_out"),
    [
        ([("audio", "sendrecv")], ["sendrecv"], ["this call has no picture: the partner offers none"]),
        ([("video", "sendonly")], ["recvonly"], ["no sound: the partner offers none", "takes no picture"]),
        ([("audio", "recvonly"), ("video", "recvonly")], ["sendonly", "sendonly"], ["sends no sound and no picture"]),
        (
            [("video", "sendrecv"), ("audio", "inactive")],
            ["sendrecv", "inactive"],
            ["takes no sound", "sends no sound"],
        ),
        ([("data", "")], [""], ["this call has no sound and no picture: the partner offers none"]),
        ([("audio", "sendrecv"), ("data", "")], ["sendrecv", ""], ["no picture: the partner offers none"]),
    ],
)
async def test_an_offer_is_answered_by_what_it_has(
    offered: list[tuple[str, str]], answered: list[str], left_out: list[str]
) -> None:
    async with both_ends() as (ours, partner):
        offer = parse_description("offer", await offer_of(partner, *offered))
        answer = await ours.make_answer(offer)
        assert answer.answers(offer)
        assert [direction for _, direction in written(answer.sdp)] == answered
        await partner.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        for part in left_out:
            assert any(part in line for line in ours.left_out), ours.left_out
        assert len(ours.left_out) == len(left_out)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (VIDEO_PORT, "m=video 0", "the partner offers none"),
        (VIDEO_PORT, "m=text 9", "the partner offers none"),
        ("VP8/", "VP9/", "no video codec in common"),
    ],
)
@pytest.mark.parametrize("order", [["audio", "video"], ["video", "audio"]])
async def test_a_section_that_cannot_be_had_is_rejected_in_its_place(
    old: str, new: str, why: str, order: list[str]
) -> None:
    async with both_ends() as (ours, partner):
        sdp = await offer_of(partner, *((kind, "sendrecv") for kind in order))
        sdp = sdp.replace("H264/", "H263/").replace(old, new)
        offer = parse_description("offer", sdp)
        answer = await ours.make_answer(offer)
    assert answer.answers(offer)
    assert dict(written(answer.sdp))["audio"] == "sendrecv"
    assert [index for index, section in enumerate(answer.sections) if section.is_rejected] == [order.index("video")]
    assert answer.transport_section == (order.index("audio"), offer.mids[order.index("audio")])
    assert answer.codecs == {"audio": "opus"}
    (group,) = (line for line in answer.sdp.splitlines() if line.startswith("a=group:BUNDLE"))
    assert group.split()[1:] == [offer.mids[order.index("audio")]]
    assert ours.left_out == [f"this call has no picture: {why}"]


async def test_a_section_that_shares_anothers_port_is_not_rejected() -> None:
    """Firefox writes port 0 for those (RFC 9143 §6)."""
    async with both_ends() as (ours, partner):
        sdp = await offer_of(partner, ("audio", "sendrecv"), ("video", "sendrecv"))
        head, tail = sdp.split(VIDEO_PORT)
        sdp = f"{head}m=video 0{tail}a=bundle-only\r\n"
        assert written((await ours.make_answer(parse_description("offer", sdp))).sdp) == [
            ("audio", "sendrecv"),
            ("video", "sendrecv"),
        ]


@pytest.mark.parametrize(
    ("sections", "change", "complaint"),
    [
        ([("audio", "sendrecv"), ("video", "sendrecv")], ("m=(audio|video) 9", "m=\\1 0"), "it rejects everything"),
        ([("video", "sendrecv")], ("VP8/|H264/", "VP9/"), "no video codec in common"),
    ],
)
async def test_an_offer_of_nothing_that_can_be_had_is_a_line(
    sections: list[tuple[str, str]], change: tuple[str, str], complaint: str
) -> None:
    async with both_ends() as (ours, partner):
        sdp = re.sub(*change, await offer_of(partner, *sections))
        with pytest.raises(NegotiationError, match=complaint) as caught:
            await ours.make_answer(parse_description("offer", sdp))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rejected", [0, 1])
@pytest.mark.parametrize("named", [True, False])
async def test_an_answer_may_reject_a_section(rejected: int, named: bool) -> None:
    async with both_ends() as (ours, partner):
        offer = await ours.make_offer()
        await partner.setRemoteDescription(RTCSessionDescription(without(offer.sdp, [rejected]), "offer"))
        await partner.setLocalDescription(await partner.createAnswer())
        session, (living,) = split(take_candidates(Description("answer", partner.localDescription.sdp))[0])
        gone = offer.sections[rejected].rejected()
        if not named:
            gone = Section(tuple(line for line in gone.lines if not line.startswith("a=mid:")))
        sections = [living, living]
        sections[rejected] = gone
        sdp = "\r\n".join([*session, *(line for section in sections for line in section.lines), ""])
        answer = parse_description("answer", sdp)
        assert answer.answers(offer)
        await ours.apply_answer(answer)
        directions = {("audio", "video")[rejected]: "inactive", ("video", "audio")[rejected]: "sendonly"}
        transceivers = ours._pc.getTransceivers()
        assert {each.kind: each.currentDirection for each in transceivers} == directions
        assert answer.transport_section[0] == 1 - rejected
        assert any("the partner rejects it" in line for line in ours.left_out)


async def test_an_answer_that_rejects_all_is_a_line() -> None:
    async with both_ends() as (ours, _):
        offer = await ours.make_offer()
        sections = [section.rejected() for section in offer.sections]
        sdp = "\r\n".join(["v=0", *(line for section in sections for line in section.lines), ""])
        answer = parse_description("answer", sdp)
        assert answer.answers(offer)
        with pytest.raises(NegotiationError, match="rejects all that we offer"):
            await ours.apply_answer(answer)


async def test_who_sends_nothing_is_not_told_that_nothing_of_it_is_taken() -> None:
    async with both_ends(sends=()) as (ours, partner):
        offer = parse_description("offer", await offer_of(partner, ("audio", "sendonly"), ("video", "sendonly")))
        await ours.make_answer(offer)
        assert ours.left_out == []
