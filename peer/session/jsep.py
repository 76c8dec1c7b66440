"""The words of the negotiation: its states, its timers, the events that go in and the actions that come out."""

import enum
from dataclasses import dataclass

from peer.sdp.description import Candidate, Description
from signaling.messages import Role


class State(enum.StrEnum):
    JOINING = "joining"
    WAITING = "waiting"
    OFFERING = "offering"
    OFFERED = "offered"
    EXPECTING = "expecting"
    ANSWERING = "answering"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


IN_CALL = frozenset({State.CONNECTING, State.CONNECTED})


class Timer(enum.StrEnum):
    REPEAT = "repeat"
    """The offer has not been answered."""
    CONNECT = "connect"
    """Descriptions were exchanged, and no connection has come up: the shell answers with `ConnectionLost`."""
    RETRY = "retry"
    """Time for the next attempt after a failure."""


# ---- events: what happened


@dataclass(frozen=True, slots=True)
class Admitted:
    """The relay gave us a place in a room, and this role."""

    role: Role
    resumed: bool = False
    """Whether it is the place that we had before the relay was lost, with the same partner or none."""


@dataclass(frozen=True, slots=True)
class PartnerReady:
    """The room holds two."""


@dataclass(frozen=True, slots=True)
class PartnerLeft:
    """The other client left the room."""


@dataclass(frozen=True, slots=True)
class SignalingLost:
    """The relay can't be reached; it may come back, and then admits us again."""


@dataclass(frozen=True, slots=True)
class RemoteDescription:
    """An offer or answer came."""

    description: Description


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """A candidate came, or end-of-candidates."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """Our offer (`MakeOffer`) or answer (`ApplyOffer`) is made."""

    generation: int
    description: Description


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """A candidate of ours was gathered, or (empty) gathering ended."""

    generation: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class DescriptionRejected:
    """The partner's description could not be applied, or ours not be made."""

    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionUp:
    """ICE and DTLS are done; media flows."""

    generation: int


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection failed, fell silent, or was closed by the partner."""

    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """The machine's addresses changed: what was gathered before is worth nothing now."""

    cut: bool = False
    """Whether the running call used an address that is gone."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer: Timer


@dataclass(frozen=True, slots=True)
class Closed:
    """The peer ends."""


Event = (
    Admitted
    | PartnerReady
    | PartnerLeft
    | SignalingLost
    | RemoteDescription
    | RemoteCandidate
    | LocalDescription
    | LocalCandidate
    | DescriptionRejected
    | ConnectionUp
    | ConnectionLost
    | NetworkChanged
    | TimerFired
    | Closed
)


# ---- actions: what to do


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """Make a new connection with this number, and start gathering."""

    generation: int


@dataclass(frozen=True, slots=True)
class CloseConnection:
    generation: int


@dataclass(frozen=True, slots=True)
class MakeOffer:
    generation: int


@dataclass(frozen=True, slots=True)
class ApplyOffer:
    """Apply the partner's offer, and make the answer."""

    generation: int
    description: Description


@dataclass(frozen=True, slots=True)
class ApplyAnswer:
    generation: int
    description: Description


@dataclass(frozen=True, slots=True)
class AddCandidate:
    generation: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class SendDescription:
    description: Description


@dataclass(frozen=True, slots=True)
class SendCandidate:
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start, or start anew, this timer. Without seconds, the shell's configured time holds."""

    timer: Timer
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Join the room again: for a partner that only offers when somebody joins."""


@dataclass(frozen=True, slots=True)
class ReportFailure:
    """This attempt failed; the next one follows by itself."""

    reason: str


Action = (
    OpenConnection
    | CloseConnection
    | MakeOffer
    | ApplyOffer
    | ApplyAnswer
    | AddCandidate
    | SendDescription
    | SendCandidate
    | StartTimer
    | StopTimer
    | Rejoin
    | ReportFailure
)
