"""The media sections of a session description (RFC 8866 §5.14), and their rejection (RFC 8829 §5.3.1), as text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

DIRECTIONS = frozenset({"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"})
TRANSPORT = ("a=ice-", "a=fingerprint:", "a=setup:")
CANDIDATES = ("a=candidate:", "a=end-of-candidates")
_BUNDLE = "a=group:BUNDLE"


@dataclass(frozen=True, slots=True)
class Section:
    """One media section: its lines, of which the first is `m=KIND PORT PROTOCOL FORMAT...`."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        """ "audio", "video", "application" (data channels), or what nobody here knows."""
        return self._word(0)

    @property
    def is_rejected(self) -> bool:
        """Whether its port is zero, and it does not merely share another section's port (RFC 9143 §6)."""
        return self._word(1) == "0" and not any(line.rstrip() == "a=bundle-only" for line in self.lines)

    @property
    def can_be_had(self) -> bool:
        """Whether it is neither rejected nor of a kind that no WebRTC end negotiates."""
        protocol = self._word(2)
        is_known = self.kind in ("audio", "video") or (self.kind == "application" and "DTLS/SCTP" in protocol)
        return is_known and not self.is_rejected

    @property
    def mid(self) -> str | None:
        """Its identifier (RFC 5888 §4)."""
        return next((line[len("a=mid:") :].strip() for line in self.lines if line.startswith("a=mid:")), None)

    @property
    def sends(self) -> bool:
        """Whether who wrote it would send (RFC 8866 §6.7)."""
        return self._direction in ("a=sendrecv", "a=sendonly")

    @property
    def receives(self) -> bool:
        """Whether who wrote it would receive."""
        return self._direction in ("a=sendrecv", "a=recvonly")

    @property
    def codec(self) -> str | None:
        """The first codec of its list, such as "VP8"."""
        prefix = f"a=rtpmap:{self._word(3) or '?'} "
        found = next((line[len(prefix) :] for line in self.lines if line.startswith(prefix)), "")
        return found.strip().partition("/")[0] or None

    def rejected(self) -> "Section":
        """The same, rejected: only what a description can't do without."""
        kind, _, *rest = [*self.lines[0][2:].split(), "", ""]
        mid = [f"a=mid:{self.mid}"] if self.mid is not None else []
        return Section((f"m={' '.join([kind, '0', *rest]).rstrip()}", "c=IN IP4 0.0.0.0", *mid, "a=inactive"))

    def idle(self, transport: Sequence[str]) -> "Section":
        """The same, with nothing sent either way, on the transport that these lines describe."""
        dropped = (*TRANSPORT, *CANDIDATES, "a=ssrc", "a=msid")
        kept = (line for line in self.lines if line.rstrip() not in DIRECTIONS and not line.startswith(dropped))
        return Section((*kept, *transport, "a=inactive"))

    @property
    def transport(self) -> list[str]:
        """Its lines about ICE and DTLS."""
        return [line for line in self.lines if line.startswith(TRANSPORT)]

    @property
    def _direction(self) -> str:
        return next((line.rstrip() for line in self.lines if line.rstrip() in DIRECTIONS), "a=sendrecv")

    def _word(self, index: int) -> str:
        words = self.lines[0][2:].split()
        return words[index] if index < len(words) else ""


def split(sdp: str) -> tuple[list[str], list[Section]]:
    """The lines before the first media section, and the sections."""
    parts: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts[0], [Section(tuple(lines)) for lines in parts[1:]]


def join(session: Sequence[str], sections: Sequence[Section]) -> str:
    """The opposite of `split`."""
    return "\r\n".join([*session, *(line for section in sections for line in section.lines)]) + "\r\n"


def without(offer: str, left_out: Collection[int]) -> str:
    """The offer without the sections of these indexes, and without their names in its BUNDLE group."""
    session, sections = split(offer)
    gone = {sections[index].mid for index in left_out}
    lines = []
    for line in session:
        if line.startswith(_BUNDLE):
            line = " ".join([_BUNDLE, *(mid for mid in line.split()[1:] if mid not in gone)])  # noqa: PLW2901
        lines.append(line)
    return join(lines, [section for index, section in enumerate(sections) if index not in left_out])


def with_rejected(answer: str, offer: str, left_out: Collection[int]) -> str:
    """The answer to `without(offer, left_out)`, made one to the whole offer: what was left out is rejected."""
    session, answered = split(answer)
    rest = iter(answered)
    _, offered = split(offer)
    whole = [each.rejected() if index in left_out else next(rest) for index, each in enumerate(offered)]
    return join(session, whole)


def with_idle(answer: str, offer: str) -> str:
    """The answer with each rejected section in words that aiortc, which knows no rejection, understands.

    It gets our own section of the offer back, with nothing sent either way, on the transport of a section that lives.
    """
    session, answered = split(answer)
    _, offered = split(offer)
    transport = next((section.transport for section in answered if not section.is_rejected), [])
    told = [
        ours.idle(transport) if theirs.is_rejected else theirs for theirs, ours in zip(answered, offered, strict=True)
    ]
    return join(session, told)
