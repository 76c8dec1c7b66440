"""Session descriptions and candidates as text (RFC 8866, RFC 8839, RFC 8840): checked, split and joined, without I/O.

All that comes from the partner passes `parse_description` or `parse_candidate` before anything else sees it.
aiortc gets a description without its candidates, and each candidate by itself: one path for candidates, however
they came, and a name that has to be looked up never holds up the answer.
"""

import json
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from peer.errors import NegotiationError
from peer.sdp.sections import CANDIDATES, Section, join, split

DescriptionType = Literal["offer", "answer"]

MAX_SDP_CHARACTERS = 60_000
MAX_SDP_LINES = 1000
"""Without candidates. A browser's two sections have some 250; aiortc's work on them can grow with their square."""
MAX_MEDIA_SECTIONS = 8
MAX_CANDIDATES = 64
MAX_CANDIDATE_CHARACTERS = 512

_END_OF_CANDIDATES = "a=end-of-candidates"
_ICE_CHARACTERS = re.compile(r"[A-Za-z0-9+/]{4,256}")
_VIDEO_CODEC = re.compile(r"a=rtpmap:(\d+) (?!rtx/)")
_TOKEN = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One ICE candidate as browsers signal it (W3C webrtc-pc §4.8.1, RTCIceCandidateInit)."""

    line: str
    """`candidate:...`, without `a=`. Empty means end-of-candidates (RFC 8840 §4.1)."""
    mid: str | None = None
    index: int | None = None
    ufrag: str | None = None

    def to_payload(self) -> dict[str, object]:
        """The candidate as the payload of an `ice-candidate` message."""
        return {
            "candidate": self.line,
            "sdpMid": self.mid,
            "sdpMLineIndex": self.index,
            "usernameFragment": self.ufrag,
        }


END_OF_CANDIDATES = Candidate("")


@dataclass(frozen=True, slots=True)
class Description:
    """A session description that passed the checks; `sdp` is what came, untouched."""

    type: DescriptionType
    sdp: str

    @property
    def mids(self) -> tuple[str, ...]:
        """The identifiers of the media sections, in order. An answer repeats those of its offer (RFC 8829 §5.3.1)."""
        return tuple(_values(self.sdp, "a=mid:"))

    @property
    def ufrags(self) -> frozenset[str]:
        """The ICE user name fragments, by which candidates of one connection are told from another's."""
        return frozenset(_values(self.sdp, "a=ice-ufrag:"))

    def same_session(self, other: "Description | None") -> bool:
        """Whether `other` describes the same end of the same connection, perhaps with other candidates."""
        return other is not None and self.type == other.type and self.identity == other.identity

    @property
    def identity(self) -> tuple[frozenset[str], tuple[str, ...], frozenset[str]]:
        """What a repetition shares with the original, and no other description does."""
        return self.ufrags, self.mids, frozenset(_values(self.sdp, "a=ice-pwd:"))

    @property
    def sections(self) -> list[Section]:
        """Its media sections, in order."""
        return split(self.sdp)[1]

    def answers(self, offer: "Description") -> bool:
        """Whether its sections are those of the offer. One that is rejected may lack its name."""
        pairs = list(zip_longest(self.sections, offer.sections))
        return all(
            ours is not None
            and theirs is not None
            and (theirs.mid == ours.mid or (theirs.mid is None and theirs.is_rejected))
            for theirs, ours in pairs
        )

    @property
    def transport_section(self) -> tuple[int, str | None]:
        """Index and mid of the section whose transport all share: the first that is not rejected (RFC 9143 §7.3)."""
        living = ((index, each.mid) for index, each in enumerate(self.sections) if not each.is_rejected)
        return next(living, (0, None))

    @property
    def codecs(self) -> dict[str, str]:
        """The first codec of each kind that is sent at all, such as {"video": "VP8"}: in an answer, what will be."""
        found: dict[str, str] = {}
        for section in self.sections:
            if section.codec is not None and not section.is_rejected and (section.sends or section.receives):
                found.setdefault(section.kind, section.codec)
        return found

    def to_payload(self) -> dict[str, object]:
        """The description as the payload of an `offer` or `answer` message."""
        return {"type": self.type, "sdp": self.sdp}


def parse_description(kind: DescriptionType, payload: object) -> Description:
    """Check a description from the partner: an object, or the JSON of one as a string, or the bare SDP.

    Raises `NegotiationError` with what was wrong.
    """
    if isinstance(payload, str) and payload.lstrip().startswith("{"):
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            raise NegotiationError(f"the partner's {kind} is a string that is not JSON") from None
    if isinstance(payload, str):
        payload = {"type": kind, "sdp": payload}
    if not isinstance(payload, dict):
        raise NegotiationError(f"the partner's {kind} is not a session description")
    sdp = payload.get("sdp")
    if not isinstance(sdp, str):
        raise NegotiationError(f"the partner's {kind} has no SDP text")
    if payload.get("type", kind) != kind:
        raise NegotiationError(f"the partner's {kind} holds a description of another type")
    _check(kind, sdp)
    return Description(kind, sdp)


def _check(kind: DescriptionType, sdp: str) -> None:
    if len(sdp) > MAX_SDP_CHARACTERS:
        raise NegotiationError(f"the partner's {kind} is longer than {MAX_SDP_CHARACTERS} characters")
    lines = sdp.splitlines()
    if not lines or lines[0].strip() != "v=0":
        raise NegotiationError(f"the partner's {kind} does not begin with v=0")
    if sum(not line.startswith("a=candidate:") for line in lines) > MAX_SDP_LINES:
        raise NegotiationError(f"the partner's {kind} has more than {MAX_SDP_LINES} lines")
    sections = split(sdp)[1]
    if not sections:
        raise NegotiationError(f"the partner's {kind} has no media section: nothing to send or receive")
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise NegotiationError(
            f"the partner's {kind} has {len(sections)} media sections; {MAX_MEDIA_SECTIONS} is the limit"
        )
    if not all(section.is_rejected for section in sections):
        _check_transport(kind, sdp)


def _check_transport(kind: DescriptionType, sdp: str) -> None:
    for name in ("a=ice-ufrag:", "a=ice-pwd:"):
        values = _values(sdp, name)
        if not values or not all(_ICE_CHARACTERS.fullmatch(value) for value in values):
            raise NegotiationError(f"the partner's {kind} lacks a valid {name[2:-1]}")
    if not _values(sdp, "a=fingerprint:"):
        raise NegotiationError(f"the partner's {kind} has no DTLS fingerprint")


def parse_candidate(payload: object) -> Candidate:
    """Check a candidate from the partner; `null`, `""` and `{"candidate": ""}` all mean end-of-candidates.

    Raises `NegotiationError` with what was wrong.
    """
    if isinstance(payload, str):
        payload = _from_json(payload)
    if payload is None:
        return END_OF_CANDIDATES
    if not isinstance(payload, dict):
        raise NegotiationError("a candidate of the partner is not an object")
    line = payload.get("candidate")
    if line is None or line == "":
        return Candidate("", ufrag=_text(payload, "usernameFragment"))
    if not isinstance(line, str) or len(line) > MAX_CANDIDATE_CHARACTERS or not line.isprintable():
        raise NegotiationError("a candidate of the partner is not a line of text")
    mid, index = _text(payload, "sdpMid"), payload.get("sdpMLineIndex")
    if index is not None and (type(index) is not int or not 0 <= index < MAX_MEDIA_SECTIONS):
        raise NegotiationError("a candidate of the partner names an impossible media section")
    if mid is None and index is None:
        index = 0  # Some pages send the bare line: all of ours is one transport.
    return Candidate(line.removeprefix("a="), mid, index, _text(payload, "usernameFragment"))


def _from_json(text: str) -> object:
    if not text:
        return None
    if text.startswith(("candidate:", "a=candidate:")):
        return {"candidate": text}
    try:
        payload: object = json.loads(text)
    except (ValueError, RecursionError):
        raise NegotiationError("a candidate of the partner is a string that is not JSON") from None
    return payload


def _text(payload: dict[str, object], name: str) -> str | None:
    value = payload.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise NegotiationError(f"a candidate of the partner has an unusable {name}")
    return value


def _values(sdp: str, prefix: str) -> list[str]:
    return [line[len(prefix) :].strip() for line in sdp.splitlines() if line.startswith(prefix)]


def take_candidates(description: Description) -> tuple[str, list[Candidate]]:
    """The SDP without its candidates, and these, the first `MAX_CANDIDATES` of them.

    The list ends with `END_OF_CANDIDATES` when the description says that there are no more.
    """
    kept: list[str] = []
    found: dict[str, Candidate] = {}
    index, complete = -1, False
    for line in description.sdp.splitlines():
        if line.startswith("m="):
            index += 1
        if line.startswith("a=candidate:"):
            if len(found) < MAX_CANDIDATES and len(line) <= MAX_CANDIDATE_CHARACTERS:
                found.setdefault(line[2:], Candidate(line[2:], index=max(index, 0)))
        elif line.startswith(_END_OF_CANDIDATES):
            complete = True
        else:
            kept.append(line)
    candidates = list(found.values())
    return "\r\n".join(kept) + "\r\n", [*candidates, END_OF_CANDIDATES] if complete else candidates


def with_candidates(description: Description, candidates: list[Candidate], *, complete: bool) -> Description:
    """The description with exactly these candidates in every media section that is not rejected.

    `complete` adds `a=end-of-candidates` (RFC 8840 §4.1): no more will be trickled.
    """
    extra = [f"a={candidate.line}" for candidate in candidates] + ([_END_OF_CANDIDATES] if complete else [])
    session, sections = split(description.sdp)
    told = []
    for section in sections:
        bare = [line for line in section.lines if not line.startswith(CANDIDATES)]
        told.append(Section((*bare, *([] if section.is_rejected else extra))))
    return Description(description.type, join(session, told))


def with_mids(description: Description, suffix: str) -> Description:
    """The offer with `suffix` added to each mid, so that an answer shows which offer it answers (RFC 5888 §4)."""
    lines = []
    for line in description.sdp.splitlines():
        if line.startswith("a=mid:"):
            lines.append(line.rstrip() + suffix)
        elif line.startswith("a=group:BUNDLE "):
            semantic, *mids = line.split()
            lines.append(" ".join([semantic, *(mid + suffix for mid in mids)]))
        else:
            lines.append(line)
    return Description(description.type, "\r\n".join(lines) + "\r\n")


def with_bitrates(description: Description, start: int, most: int) -> Description:
    """The description asking the partner's browser to start its video at a rate, and to send so much at most (kbit/s).

    Without `x-google-start-bitrate`, which Chrome reads from the fmtp lines that it is given, it begins at 300 kbit/s
    with a small picture; without `x-google-max-bitrate` it keeps a 720p picture below 2.5 Mbit/s.
    """
    lines: list[str] = []
    pending: set[str] = set()
    is_video = False
    extra = f"x-google-start-bitrate={start};x-google-max-bitrate={most}"
    for line in [*description.sdp.splitlines(), "m="]:
        if line.startswith("m="):
            lines += [f"a=fmtp:{payload} {extra}" for payload in sorted(pending)]
            pending = set()
            is_video = line.startswith("m=video")
        elif is_video and (codec := _VIDEO_CODEC.match(line)):
            pending.add(codec[1])
        elif is_video and line.startswith("a=fmtp:") and (payload := line[7:].split(" ")[0]) in pending:
            pending.discard(payload)
            line = f"{line};{extra}"  # noqa: PLW2901
        lines.append(line)
    return Description(description.type, "\r\n".join(lines[:-1]) + "\r\n")
