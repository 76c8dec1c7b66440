"""Descriptions and candidates as text: what is taken, what is refused and why, and that nothing else ever happens."""

import json
import os
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.errors import NegotiationError
from peer.sdp.description import (
    END_OF_CANDIDATES,
    MAX_CANDIDATE_CHARACTERS,
    MAX_CANDIDATES,
    MAX_MEDIA_SECTIONS,
    MAX_SDP_CHARACTERS,
    MAX_SDP_LINES,
    Candidate,
    Description,
    parse_candidate,
    parse_description,
    take_candidates,
    with_candidates,
    with_mids,
)
from tests.peer import payloads
from tests.peer.descriptions import description, host_candidate

EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))
fuzz = settings(max_examples=EXAMPLES or 300, derandomize=not EXAMPLES, deadline=None)

OFFER = description("offer", "abcd", hosts=3)
LINE = "candidate:1 1 udp 2130706431 192.0.2.1 1024 typ host"


def change(old: str, new: str) -> dict[str, str]:
    assert old in OFFER.sdp
    return {"type": "offer", "sdp": OFFER.sdp.replace(old, new)}


# ---- descriptions


@pytest.mark.parametrize(
    "payload",
    [
        OFFER.to_payload(),
        json.dumps(OFFER.to_payload()),
        "  " + json.dumps({"sdp": OFFER.sdp}),
        OFFER.sdp,
        {"sdp": OFFER.sdp, "more": [1, 2, 3]},
    ],
    ids=["object", "JSON text", "JSON text without a type", "bare SDP", "object without a type"],
)
def test_a_description_is_taken_however_pages_send_it(payload: object) -> None:
    assert parse_description("offer", payload) == OFFER


def test_line_ends_may_be_newlines_alone() -> None:
    found = parse_description("offer", OFFER.sdp.replace("\r\n", "\n"))
    assert found.same_session(OFFER)
    assert take_candidates(found)[0] == take_candidates(OFFER)[0]


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (None, "not a session description"),
        ([], "not a session description"),
        (7, "not a session description"),
        ({}, "no SDP text"),
        ({"type": "offer", "sdp": None}, "no SDP text"),
        ({"type": "offer", "sdp": ["v=0"]}, "no SDP text"),
        ("{", "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON"),
        ({"type": "answer", "sdp": OFFER.sdp}, "another type"),
        ({"type": None, "sdp": OFFER.sdp}, "another type"),
        ("", "does not begin with v=0"),
        ("hello", "does not begin with v=0"),
        ("v=1\r\n", "does not begin with v=0"),
        ("v=0\r\n", "no media section"),
        ({"sdp": "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * (MAX_MEDIA_SECTIONS + 1)}, "9 media sections"),
        ({"sdp": OFFER.sdp + "a=x\r\n" * MAX_SDP_LINES}, "more than 1000 lines"),
        ({"sdp": OFFER.sdp + "a=" + "x" * MAX_SDP_CHARACTERS}, "longer than 60000 characters"),
        (change("a=ice-ufrag:abcd\r\n", ""), "ice-ufrag"),
        (change("a=ice-ufrag:abcd", "a=ice-ufrag:abc"), "ice-ufrag"),
        (change("a=ice-ufrag:abcd", "a=ice-ufrag:ab d"), "ice-ufrag"),
        (change("a=ice-pwd:", "a=x-pwd:"), "ice-pwd"),
        (change("a=ice-pwd:abcd", "a=ice-pwd:\x1b[2J"), "ice-pwd"),
        (change("a=fingerprint:", "a=finger:"), "fingerprint"),
    ],
)
def test_a_description_is_refused_with_what_is_wrong(payload: object, complaint: str) -> None:
    with pytest.raises(NegotiationError, match=complaint) as caught:
        parse_description("offer", payload)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_ten_thousand_candidates_are_no_reason_to_refuse_but_most_are_left_out() -> None:
    many = [host_candidate(number) for number in range(900)]
    offer = with_candidates(OFFER, [], complete=False)
    sdp = offer.sdp + "".join(f"a={candidate.line}\r\n" for candidate in many)
    _, candidates = take_candidates(parse_description("offer", sdp))
    assert [candidate.line for candidate in candidates] == [candidate.line for candidate in many[:MAX_CANDIDATES]]


async def test_what_aiortc_writes_is_taken_and_told_apart() -> None:
    first, second = RTCPeerConnection(), RTCPeerConnection()
    texts = []
    for pc in (first, second):
        pc.addTransceiver("audio")
        pc.addTransceiver("video")
        texts.append((await pc.createOffer()).sdp)
        await pc.close()
    one, other = (parse_description("offer", text) for text in texts)
    assert not one.same_session(other)
    assert one.mids == other.mids == ("0", "1")
    assert one.codecs == {"audio": "opus", "video": "VP8"}


def test_the_same_end_of_a_connection_is_known_whatever_its_candidates() -> None:
    assert OFFER.same_session(description("offer", "abcd", hosts=9))
    assert not OFFER.same_session(description("offer", "abce", hosts=3))
    assert not OFFER.same_session(description("offer", "abcd", ("2", "3"), hosts=3))
    assert not OFFER.same_session(description("answer", "abcd", hosts=3))
    assert not OFFER.same_session(None)


@pytest.mark.parametrize(
    ("lines", "codecs"),
    [
        ("m=video 9 X 96 97\na=rtpmap:97 H264/90000\na=rtpmap:96 VP8/90000", {"video": "VP8"}),
        (
            "m=audio 9 X 111\na=rtpmap:111 opus/48000/2\nm=video 9 X 96\na=rtpmap:96 VP9/1",
            {"audio": "opus", "video": "VP9"},
        ),
        ("m=\na=rtpmap: \na=rtpmap: x", {}),
        ("m=video 9 X 96\na=rtpmap:96 \na=rtpmap:96", {}),
        ("a=rtpmap: \nm=video 0 X", {}),
    ],
)
def test_the_codec_of_each_kind_is_its_first(lines: str, codecs: dict[str, str]) -> None:
    assert Description("answer", lines).codecs == codecs


# ---- candidates inside descriptions


def test_candidates_are_taken_out_and_put_in_again() -> None:
    bare, candidates = take_candidates(OFFER)
    assert "a=candidate" not in bare
    assert [candidate.line for candidate in candidates] == [host_candidate(number).line for number in range(3)]
    again = with_candidates(Description("offer", bare), candidates, complete=True)
    assert again.sdp.count("a=candidate:") == 6  # in both sections
    assert again.sdp.count("a=end-of-candidates") == 2
    assert take_candidates(again) == (bare, [*candidates, END_OF_CANDIDATES])
    for section in again.sdp.split("m=")[1:]:
        assert section.splitlines()[-1] == "a=end-of-candidates"


def test_with_candidates_puts_in_exactly_those() -> None:
    again = with_candidates(OFFER, [Candidate(LINE)], complete=False)
    assert [candidate.line for candidate in take_candidates(again)[1]] == [LINE]


def test_a_candidate_of_a_later_section_is_told_by_its_index() -> None:
    sdp = description("offer", "abcd").sdp + f"a={LINE}\r\n"
    assert take_candidates(Description("offer", sdp))[1] == [Candidate(LINE, index=1)]


def test_an_endless_candidate_is_left_out() -> None:
    sdp = OFFER.sdp + "a=candidate:" + "9" * MAX_CANDIDATE_CHARACTERS + "\r\n"
    assert len(take_candidates(Description("offer", sdp))[1]) == 3


def test_an_offer_gets_mids_of_its_own_in_both_places() -> None:
    marked = with_mids(OFFER, "-ab")
    assert marked.mids == ("0-ab", "1-ab")
    assert "a=group:BUNDLE 0-ab 1-ab\r\n" in marked.sdp
    assert marked.sdp.replace("-ab", "") == OFFER.sdp


# ---- candidates


@pytest.mark.parametrize(
    ("payload", "candidate"),
    [
        (
            {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "abcd"},
            Candidate(LINE, "0", 0, "abcd"),
        ),
        (json.dumps({"candidate": LINE, "sdpMid": "0"}), Candidate(LINE, "0")),
        ({"candidate": LINE, "sdpMLineIndex": 1}, Candidate(LINE, None, 1)),
        ({"candidate": LINE}, Candidate(LINE, None, 0)),
        ({"candidate": "a=" + LINE, "sdpMid": "", "usernameFragment": ""}, Candidate(LINE, None, 0)),
        (LINE, Candidate(LINE, None, 0)),
        ("a=" + LINE, Candidate(LINE, None, 0)),
        (None, END_OF_CANDIDATES),
        ("", END_OF_CANDIDATES),
        ("null", END_OF_CANDIDATES),
        ({}, END_OF_CANDIDATES),
        ({"candidate": ""}, END_OF_CANDIDATES),
        ({"candidate": None, "sdpMid": "0"}, END_OF_CANDIDATES),
        ({"candidate": "", "usernameFragment": "abcd"}, Candidate("", ufrag="abcd")),
    ],
)
def test_a_candidate_is_taken_however_pages_send_it(payload: object, candidate: Candidate) -> None:
    assert parse_candidate(payload) == candidate
    assert parse_candidate(json.loads(json.dumps(candidate.to_payload()))) in (candidate, END_OF_CANDIDATES)


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ([], "not an object"),
        (7, "not an object"),
        ("7", "not an object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({"candidate": 7}, "not a line of text"),
        ({"candidate": "x" * (MAX_CANDIDATE_CHARACTERS + 1)}, "not a line of text"),
        ({"candidate": LINE + "\r\na=setup:active"}, "not a line of text"),
        ({"candidate": LINE + "\x00"}, "not a line of text"),
        ({"candidate": LINE, "sdpMLineIndex": -1}, "impossible media section"),
        ({"candidate": LINE, "sdpMLineIndex": 8}, "impossible media section"),
        ({"candidate": LINE, "sdpMLineIndex": True}, "impossible media section"),
        ({"candidate": LINE, "sdpMLineIndex": 0.0}, "impossible media section"),
        ({"candidate": LINE, "sdpMLineIndex": "0"}, "impossible media section"),
        ({"candidate": LINE, "sdpMid": 0}, "unusable sdpMid"),
        ({"candidate": LINE, "sdpMid": "0 1"}, "unusable sdpMid"),
        ({"candidate": LINE, "sdpMid": "x" * 65}, "unusable sdpMid"),
        ({"candidate": LINE, "usernameFragment": ["abcd"]}, "unusable usernameFragment"),
    ],
)
def test_a_candidate_is_refused_with_what_is_wrong(payload: object, complaint: str) -> None:
    with pytest.raises(NegotiationError, match=complaint) as caught:
        parse_candidate(payload)
    assert str(caught.value).isprintable()


# ---- anything


def take_description(payload: Any) -> None:
    try:
        described = parse_description("offer", payload)
    except NegotiationError:
        return
    payloads.look_at(described)
    bare, candidates = take_candidates(described)
    assert not any(line.startswith("a=candidate:") for line in bare.splitlines())
    assert len(candidates) <= MAX_CANDIDATES + 1
    again = with_candidates(described, [candidate for candidate in candidates if candidate.line], complete=True)
    assert take_candidates(again)[0] == bare
    assert with_mids(described, "-x").mids == tuple(f"{mid}-x" for mid in described.mids)


def take_candidate(payload: Any) -> None:
    try:
        candidate = parse_candidate(payload)
    except NegotiationError:
        return
    assert candidate.line.isprintable()
    assert len(candidate.line) <= MAX_CANDIDATE_CHARACTERS
    json.dumps(candidate.to_payload())


@fuzz
@given(payloads.descriptions)
def test_any_payload_is_a_description_or_is_refused(payload: Any) -> None:
    take_description(payload)


@fuzz
@given(payloads.candidates)
def test_any_payload_is_a_candidate_or_is_refused(payload: Any) -> None:
    take_candidate(payload)


@fuzz
@given(st.text(max_size=200), st.sampled_from(["offer", "answer"]))
def test_any_text_is_looked_at_without_harm(text: str, kind: Any) -> None:
    described = Description(kind, text)
    assert isinstance(described.codecs, dict)
    assert isinstance(described.identity, tuple)
    take_candidates(described)


@pytest.mark.parametrize(("name", "payload"), payloads.saved("descriptions"))
def test_what_once_did_harm_or_might_is_taken_or_refused(name: str, payload: Any) -> None:
    take_description(payload)


@pytest.mark.parametrize(("name", "payload"), payloads.saved("candidates"))
def test_candidates_that_once_did_harm_or_might_are_taken_or_refused(name: str, payload: Any) -> None:
    take_candidate(payload)
