"""What a peer tells while it runs: for a person's terminal, for `--json`, and for programs."""

from dataclasses import asdict, dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class PeerEvent:
    """The root of all events. `name` is the word for programs."""

    name: ClassVar[str] = ""

    def to_json(self) -> dict[str, object]:
        """The event as plain values, with its name under "event"."""
        return {"event": self.name, **asdict(self)}


@dataclass(frozen=True, slots=True)
class SourceOpened(PeerEvent):
    """A source of picture or sound is ready."""

    name: ClassVar[str] = "source"
    label: str
    kinds: list[str]


@dataclass(frozen=True, slots=True)
class Muted(PeerEvent):
    """A kind was muted or unmuted: black or silence is sent for these `kinds` now."""

    name: ClassVar[str] = "muted"
    kinds: list[str]


@dataclass(frozen=True, slots=True)
class RelayStarted(PeerEvent):
    """No relay was there, so this process runs one; not at the port `instead_of`, which another program has."""

    name: ClassVar[str] = "relay-started"
    url: str
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Joined(PeerEvent):
    """The relay gave us a place. `page` is the address for the other end, when the relay is known to serve the page."""

    name: ClassVar[str] = "joined"
    room: str
    role: str
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting(PeerEvent):
    """Nobody else is in the room."""

    name: ClassVar[str] = "waiting"


@dataclass(frozen=True, slots=True)
class PartnerReady(PeerEvent):
    """Somebody is in the room; the negotiation begins."""

    name: ClassVar[str] = "partner-ready"
    role: str


@dataclass(frozen=True, slots=True)
class Connected(PeerEvent):
    """Media flows. `seconds` since the partner was ready; `path` names the types of the local and remote candidate."""

    name: ClassVar[str] = "connected"
    seconds: float
    path: str | None
    codecs: dict[str, str]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One direction of a call. Sizes in pixels, rates in kbit/s over the whole call."""

    video_frames: int = 0
    width: int = 0
    height: int = 0
    audio_frames: int = 0
    kbits_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Statistics(PeerEvent):
    """The running call's totals so far, as asked for by `stats`. Loss is what we miss; the round trip in seconds."""

    name: ClassVar[str] = "statistics"
    seconds: float
    sent: StreamSummary
    received: StreamSummary
    packets_lost: int
    round_trip: float | None


@dataclass(frozen=True, slots=True)
class CallEnded(PeerEvent):
    """A call that was connected is over."""

    name: ClassVar[str] = "call-ended"
    reason: str
    seconds: float
    seconds_to_connect: float
    path: str | None
    codecs: dict[str, str]
    sent: StreamSummary = field(default_factory=StreamSummary)
    received: StreamSummary = field(default_factory=StreamSummary)


@dataclass(frozen=True, slots=True)
class Notice(PeerEvent):
    """Something that a person wants to know, and need not act on."""

    name: ClassVar[str] = "notice"
    message: str


@dataclass(frozen=True, slots=True)
class Problem(PeerEvent):
    """Something went wrong; the peer goes on."""

    name: ClassVar[str] = "problem"
    message: str


@dataclass(frozen=True, slots=True)
class Ended(PeerEvent):
    """The last event: the peer is closed. `error` says why, if it was not asked to end."""

    name: ClassVar[str] = "ended"
    calls: int
    error: str | None = None
    exit_code: int = 0
