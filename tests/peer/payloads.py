"""Junk for the boundary: whatever JSON can hold where a description or a candidate is expected."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from peer.sdp.description import Description
from tests.peer.descriptions import description

CORPUS = Path(__file__).with_name("corpus")

OFFER = description("offer", "abcd", hosts=2)
LINES = [
    *OFFER.sdp.splitlines(),
    *("m=", "m=audio", "m=video 9", "m=video 9 X 1 2", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "v=1", ""),
    *("a=mid:", "a=mid:0", "a=mid", "a=group:BUNDLE", "a=ice-ufrag:", "a=ice-pwd:x", "a=fingerprint:", "a=setup:"),
    *("a=rtpmap:", "a=rtpmap: ", "a=rtpmap:96 ", "a=rtpmap:96 VP8/90000", "a=rtpmap:x y/z", "a=fmtp:96 apt=x"),
    *("a=candidate:", "a=candidate:1 1 udp", "a=end-of-candidates", "a=end-of-candidates x", "a=ssrc:1", "a=ssrc:x y"),
    *("a=rtcp-fb:* nack", "a=extmap:1", "a=msid:- -", "a=sendrecv", "c=IN IP4 224.0.0.1", "b=AS:1", "=", "a", "a="),
]
"""Lines of a good description, and others that have led software astray."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
junk: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
"""Any JSON value."""

line_ends = st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", ""])
sdp_like = st.lists(st.tuples(st.sampled_from(LINES) | st.text(max_size=20), line_ends), max_size=60).map(
    lambda lines: "".join(text + end for text, end in lines)
)
"""Texts from lines that descriptions are made of, in any order, number and with any ends."""


NASTY = [
    *("a=extmap:99 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:0 urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    *("a=setup:active", "a=setup:passive", "a=setup:holdconn", "a=sendonly", "a=recvonly", "a=inactive", "a=mid:"),
    *(
        "a=fmtp:96 apt=96",
        "a=fmtp:97 apt=-1",
        "a=rtpmap:96 H264/90000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:300 VP8/90000",
    ),
    *("a=ssrc:4294967296 cname:x", "a=ssrc:-1 cname:x", "a=ssrc-group:FID 1", "a=ssrc-group:FID 1 2 3", "a=rtcp-rsize"),
    *("a=fmtp:96 profile-level-id=zzzzzz;packetization-mode=1", "a=fmtp:96 x-google-start-bitrate=-5", "a=ice-lite"),
    *("a=fingerprint:md5 AA", "a=fingerprint:sha-256 ZZ", "a=rtcp:9 IN IP4 0.0.0.0", "a=sctp-port:5000", "a=msid:a"),
    *(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=application 9 DTLS/SCTP x",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
    ),
    *("a=group:BUNDLE 1 0", "a=group:BUNDLE 1", "a=group:BUNDLE x", "a=group:LS 0 1", "a=ice-options:trickle ice2"),
]
"""Lines that fit into a real description, and mean trouble."""


def mutated(sdp: str, *, real: bool = False) -> st.SearchStrategy[str]:
    """Texts that are this description with a few lines dropped, repeated, moved or changed; `real` ones stay closer."""
    lines = sdp.splitlines()
    places = st.integers(0, len(lines) - 1)
    other = st.sampled_from([*NASTY, *LINES, "9" * 400, "-1", "\x00", "a=" + "x" * 5000])
    other = st.sampled_from(NASTY) | other if real else other | st.text(max_size=40)
    change = st.tuples(st.sampled_from(["drop", "repeat", "swap", "replace", "cut", "number"]), places, places, other)

    def apply(changes: list[tuple[str, int, int, str]]) -> str:
        text = list(lines)
        for how, one, two, new in changes:
            if not text:
                break
            place, second = one % len(text), two % len(text)
            match how:
                case "drop":
                    del text[place]
                case "repeat":
                    text[second:second] = [text[place]] * (1 + place % 4)
                case "swap":
                    text[place], text[second] = text[second], text[place]
                case "replace":
                    text[place] = new
                case "cut":
                    text[place] = text[place][: second % (len(text[place]) + 1)]
                case "number":
                    words = text[place].split(" ")
                    words[second % len(words)] = new
                    text[place] = " ".join(words)
        return "\r\n".join(text) + "\r\n"

    return st.lists(change, min_size=1, max_size=4).map(apply)


def as_payload(kind: str, sdp: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """The ways in which pages send a description."""
    return st.one_of(
        sdp.map(lambda text: {"type": kind, "sdp": text}),
        sdp.map(lambda text: json.dumps({"type": kind, "sdp": text})),
        sdp,
        st.fixed_dictionaries({"sdp": sdp | junk}, optional={"type": junk}),
    )


descriptions = junk | as_payload("offer", mutated(OFFER.sdp)) | as_payload("offer", sdp_like)

candidate_lines = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            ["candidate:1", "candidate:", "a=candidate:2", "1", "udp", "tcp", "9" * 30, "-1", "typ", "host"]
        )
        | st.sampled_from(["192.0.2.1", "::1", "x.local", "raddr", "rport", "tcptype", "ufrag", "generation", "\r\n"]),
        max_size=12,
    ).map(" ".join),
)
candidates = st.one_of(
    junk,
    candidate_lines,
    st.fixed_dictionaries(
        {"candidate": candidate_lines | junk},
        optional={"sdpMid": junk, "sdpMLineIndex": junk, "usernameFragment": junk},
    ),
    junk.map(json.dumps),
)


def saved(name: str) -> list[tuple[str, Any]]:
    """The entries of a corpus: what each is, and the payload."""
    entries = json.loads((CORPUS / f"{name}.json").read_text())
    return [(entry["name"], entry["payload"]) for entry in entries]


def look_at(described: Description) -> None:
    """Whatever anybody asks a description that passed the checks."""
    assert described.mids is not None
    assert described.ufrags or all(section.is_rejected for section in described.sections)
    assert described.answers(described)
    assert described.transport_section[0] < len(described.sections)
    assert described.same_session(described)
    assert isinstance(described.codecs, dict)
