"""What waits for the driver. Its own news are few; what a relay says is bounded in number, size and pace. No I/O."""

from collections import deque

from peer.session.jsep import Event, PartnerLeft, PartnerReady, RemoteCandidate, RemoteDescription

MAX_EVENTS, MAX_BYTES = 256, 1024 * 1024
"""How much of the relay's may wait: several times what a partner in earnest sends at once."""

CONNECTION_RATE, CONNECTION_BURST = 10.0, 20.0
"""Connections that others may make us open in a second for ever, and at once. One costs some 15 ms of a core."""

_OF_A_PARTNER = PartnerReady | RemoteDescription | RemoteCandidate | PartnerLeft


class Inbox:
    """Two queues of events. One's own come first; those from the relay wait while they make too many connections.

    What a later event makes void is dropped from the queue: an offer and its candidates by the next offer, and all
    of a partner by its leaving. So a partner may do that as often as its relay lets it, and the queue does not grow.
    """

    def __init__(self) -> None:
        self._own: deque[Event | BaseException] = deque()
        self._relayed: deque[Event] = deque()
        self._bytes = 0
        self._connections = CONNECTION_BURST
        self._since = 0.0

    @property
    def is_full(self) -> bool:
        """Whether whoever reads the relay has to wait."""
        return len(self._relayed) >= MAX_EVENTS or self._bytes >= MAX_BYTES

    def put(self, event: Event | BaseException) -> None:
        """Add an event of one's own, or an error that ends the driver."""
        self._own.append(event)

    def put_relayed(self, event: Event) -> None:
        """Add an event from the relay, also when it is full: that is for the reader to see."""
        match event:
            case RemoteDescription(description) if description.type == "offer":
                self._drop_last_offer()
            case PartnerLeft():
                while self._relayed and isinstance(self._relayed[-1], _OF_A_PARTNER):
                    self._drop()
            case PartnerReady() if self._relayed and isinstance(self._relayed[-1], PartnerReady):
                return
        self._relayed.append(event)
        self._bytes += _size(event)

    def take(self, now: float) -> Event | BaseException | None:
        """The next event to handle at the time `now`, in seconds; None when there is none, or it has to wait."""
        if self._own:
            return self._own.popleft()
        if not self._relayed or self.wait(now):
            return None
        event = self._relayed.popleft()
        self._bytes -= _size(event)
        return event

    def wait(self, now: float) -> float | None:
        """Seconds until `take` gives an event, if nothing is put; None when nothing waits."""
        if self._own:
            return 0.0
        if not self._relayed:
            return None
        self._refill(now)
        missing = 1 - self._connections
        return missing / CONNECTION_RATE if missing > 1e-6 else 0.0  # else rounding makes it wait for nothing

    def connection_opened(self, now: float) -> None:
        """Count a connection."""
        self._refill(now)
        self._connections -= 1

    def _refill(self, now: float) -> None:
        gained = (now - self._since) * CONNECTION_RATE
        self._connections = min(CONNECTION_BURST, self._connections + gained)
        self._since = now

    def _drop_last_offer(self) -> None:
        """Drop the offer that waits, with its candidates, which were never for the next one."""
        for place in range(len(self._relayed) - 1, -1, -1):
            match self._relayed[place]:
                case RemoteDescription(description) if description.type == "offer":
                    while len(self._relayed) > place:
                        self._drop()
                    return
                case RemoteCandidate():
                    continue
                case _:
                    return

    def _drop(self) -> None:
        self._bytes -= _size(self._relayed.pop())


def _size(event: Event) -> int:
    match event:
        case RemoteDescription(description):
            return len(description.sdp)
        case RemoteCandidate(candidate):
            return len(candidate.line)
    return 0
