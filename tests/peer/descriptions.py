"""Small session descriptions and candidates that are all that the negotiation looks at."""

from collections.abc import Sequence

from peer.sdp.description import Candidate, Description, DescriptionType


def description(kind: DescriptionType, ufrag: str, mids: Sequence[str] = ("0", "1"), hosts: int = 0) -> Description:
    """One end of a connection: `ufrag` tells it from all others, `mids` an offer from all others.

    `hosts` is how many candidates it holds in each section.
    """
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
    for mid, kind_of_media in zip(mids, ("audio", "video"), strict=False):
        lines += [
            f"m={kind_of_media} 9 UDP/TLS/RTP/SAVPF 96",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{mid}",
            f"a=ice-ufrag:{ufrag}",
            f"a=ice-pwd:{ufrag.ljust(24, 'x')}",
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
            *(f"a={host_candidate(number).line}" for number in range(hosts)),
        ]
    return Description(kind, "\r\n".join(lines) + "\r\n")


def host_candidate(number: int, ufrag: str | None = None) -> Candidate:
    """A candidate like any other; each number is another address."""
    line = f"candidate:{number} 1 udp 2130706431 192.0.2.{number % 250 + 1} {1024 + number} typ host"
    return Candidate(line, mid="0", index=0, ufrag=ufrag)
