"""Two real negotiations and the relay's real rooms, with everything between them a model that can go wrong at will.

What the model stands for: sockets that break, as one end notices or the other; a relay that dies; connections that
come up exactly when both ends have applied each other's descriptions; jobs of aiortc that take their time, or fail;
clocks. Nothing happens by itself: whoever holds a `World` decides what is next. `settle` plays a world without faults.
"""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from peer.sdp.description import END_OF_CANDIDATES, Candidate, Description
from peer.session import jsep
from peer.session.negotiation import Negotiation
from signaling.kept import KeptOffers
from signaling.messages import (
    ClientMessage,
    Error,
    Forward,
    Join,
    Joined,
    PeerDisconnected,
    Ready,
    RelayMessage,
    Role,
)
from signaling.rooms import Delivery, Rooms
from tests.peer.descriptions import description, host_candidate

CONNECT_SECONDS = 20.0
JOIN_AGAIN_SECONDS = 3.0
MOST_STEPS_WITHOUT_TIME = 2000
"""More happenings than this without a clock's help are a livelock."""


@dataclass(eq=False)
class Socket:
    """A WebSocket, as client and relay each believe in it. What is sent on a broken one is lost."""

    id: str
    side: "Side"
    to_relay: deque[ClientMessage] = field(default_factory=deque)
    to_client: deque[RelayMessage] = field(default_factory=deque)
    broken: bool = False
    relay_knows: bool = False

    def break_(self) -> None:
        self.broken = True
        self.to_relay.clear()
        self.to_client.clear()


@dataclass(eq=False)
class End:
    """One RTCPeerConnection: what was asked of it, and what it has applied."""

    generation: int
    ufrag: str
    local: Description | None = None
    remote: Description | None = None
    offer_asked: bool = False
    remote_given: Description | None = None
    open: bool = True
    told_up: bool = False
    told_lost: bool = False

    def matches(self, other: "End") -> bool:
        """Whether the two make one connection."""
        return (
            self.open
            and other.open
            and self.remote is not None
            and other.remote is not None
            and self.remote.same_session(other.local)
            and other.remote.same_session(self.local)
        )


class Side:
    """A peer whose negotiation is real, and whose shell (`peer.session.driver`, `peer.peer`, the client) is a model."""

    def __init__(self, world: "World", name: str, role: Role) -> None:
        self.world = world
        self.name = name
        self.role = role
        self.restart()

    def restart(self) -> None:
        """The process is killed, and begins anew."""
        self.negotiation = Negotiation()
        self.end: End | None = None
        self.jobs: list[Callable[[], None]] = []
        self.timers: dict[jsep.Timer, float] = {}
        self.socket: Socket | None = None
        self.admitted = False
        self.place: Joined | None = None
        self.join_again_at: float | None = None
        self.failures = 0
        self.heard: list[Forward] = []

    # ---- the relay

    def connect(self) -> None:
        """Open a socket, and join, as `SignalingClient` does."""
        self.socket = self.world.relay.accept(self)
        resume = self.place.resume if self.place else None
        self.send(Join(self.role, "lab", resume=resume))

    def notice_loss(self) -> None:
        """See that the socket is gone."""
        self.socket, self.admitted, self.join_again_at = None, False, None
        self.feed(jsep.SignalingLost())

    def send(self, message: ClientMessage) -> None:
        if self.socket is not None and not self.socket.broken:
            self.socket.to_relay.append(message)

    def take(self) -> None:
        """Handle the relay's next message, as `Peer` does."""
        assert self.socket is not None
        match message := self.socket.to_client.popleft():
            case Joined():
                resumed = self.place is not None and message.resume is not None and message.resume == self.place.resume
                self.place, self.role, self.admitted = message, message.role, True
                self.feed(jsep.Admitted(message.role, resumed))
            case Ready():
                self.feed(jsep.PartnerReady())
            case PeerDisconnected():
                self.feed(jsep.PartnerLeft())
            case Forward("ice-candidate", Candidate() as candidate):
                self.heard.append(message)
                self.feed(jsep.RemoteCandidate(candidate))
            case Forward(_, Description() as described):
                self.heard.append(message)
                self.feed(jsep.RemoteDescription(described))
            case Error() if not self.admitted:
                self.join_again_at = self.world.now + JOIN_AGAIN_SECONDS
            case _:
                assert isinstance(message, Error), message

    def join_again(self) -> None:
        self.join_again_at = None
        self.send(Join(self.negotiation.role, "lab"))

    # ---- the negotiation

    def feed(self, event: jsep.Event) -> None:
        for action in self.negotiation.receive(event):
            self.carry_out(action)
        if self.negotiation.state is jsep.State.CONNECTING:
            assert jsep.Timer.CONNECT in self.timers, "a connection that does not come up must be given up some time"

    def carry_out(self, action: jsep.Action) -> None:  # noqa: C901 (one case an action)
        end = self.end
        match action:
            case jsep.OpenConnection(generation):
                assert end is None or not end.open, "two connections at once"
                self.end = self.world.new_end(self, generation)
                self.jobs = [*self._gathering(self.end)]
            case jsep.CloseConnection(generation):
                assert end is not None
                assert end.generation == generation
                end.open = False
            case jsep.MakeOffer(generation):
                assert end is not None
                assert end.generation == generation
                assert not end.offer_asked
                end.offer_asked = True
                mids = (f"0-{self.world.number()}", "1")
                self.jobs.append(lambda: self._made(end, description("offer", end.ufrag, mids)))
            case jsep.ApplyOffer(generation, offer):
                assert end is not None
                assert end.generation == generation
                assert end.remote_given is None
                assert not end.offer_asked, "a connection that offers can't answer"
                end.remote_given = offer
                self.jobs.append(lambda: self._answer(end, offer))
            case jsep.ApplyAnswer(generation, answer):
                assert end is not None
                assert end.generation == generation
                assert end.local is not None
                assert end.remote_given is None
                end.remote_given = answer
                self.jobs.append(lambda: setattr(end, "remote", answer))
            case jsep.AddCandidate(generation, candidate):
                assert end is not None
                assert end.generation == generation
                assert end.remote_given is not None, "a candidate before the description it belongs to"
                assert candidate.ufrag in (None, *end.remote_given.ufrags), "a candidate of another connection"
            case jsep.SendDescription(described):
                assert end is not None
                assert described.same_session(end.local)
                self.send(Forward(described.type, described))
            case jsep.SendCandidate(candidate):
                self.send(Forward("ice-candidate", candidate))
            case jsep.StartTimer(timer, seconds):
                self.timers[timer] = self.world.now + (CONNECT_SECONDS if seconds is None else seconds)
            case jsep.StopTimer(timer):
                self.timers.pop(timer, None)
            case jsep.Rejoin():
                self.admitted = False
                self.send(Join(self.negotiation.role, "lab"))
            case jsep.ReportFailure(reason):
                assert reason
                self.failures += 1

    def _gathering(self, end: End) -> list[Callable[[], None]]:
        number = self.world.number()
        candidates = [host_candidate(number, end.ufrag), END_OF_CANDIDATES]
        return [lambda c=c: self.feed(jsep.LocalCandidate(end.generation, c)) for c in candidates]  # type: ignore[misc]

    def _made(self, end: End, described: Description) -> None:
        end.local = described
        self.feed(jsep.LocalDescription(end.generation, described))

    def _answer(self, end: End, offer: Description) -> None:
        end.remote = offer
        self._made(end, description("answer", end.ufrag, offer.mids))

    def fire(self, timer: jsep.Timer) -> None:
        """The timer's time has come."""
        self.world.now = max(self.world.now, self.timers.pop(timer))
        if timer is jsep.Timer.CONNECT:
            self.lose("no connection within 20 s")
        else:
            self.feed(jsep.TimerFired(timer))

    def reject(self) -> None:
        """aiortc can't use what it was given."""
        self.feed(jsep.DescriptionRejected(self.negotiation.generation, "this can't be used"))

    def lose(self, reason: str) -> None:
        """The connection is of no use any more."""
        assert self.end is not None
        self.end.told_lost = True
        self.feed(jsep.ConnectionLost(self.negotiation.generation, reason))

    def change_network(self, *, cut: bool) -> None:
        """The addresses of the machine change; `cut` if the running call went by one that is gone."""
        cut = cut and self.end is not None and self.end.told_up
        self.feed(jsep.NetworkChanged(cut))

    # ---- the connection

    @property
    def partner(self) -> "Side":
        return next(side for side in self.world.sides if side is not self)

    @property
    def matched(self) -> bool:
        """Whether our connection and the partner's are the two ends of one."""
        return self.end is not None and self.partner.end is not None and self.end.matches(self.partner.end)

    @property
    def can_come_up(self) -> bool:
        return self.matched and self.end is not None and not self.end.told_up and not self.end.told_lost

    def come_up(self) -> None:
        assert self.end is not None
        self.end.told_up = True
        self.feed(jsep.ConnectionUp(self.end.generation))

    @property
    def is_orphaned(self) -> bool:
        """Whether the connection was up, and its other end has gone."""
        return self.end is not None and self.end.told_up and not self.end.told_lost and not self.matched

    @property
    def connected(self) -> bool:
        return self.negotiation.state is jsep.State.CONNECTED and self.matched


class RelayModel:
    """The real rooms; `foreign` leaves out what is ours alone, `same_roles` gives everybody the role of the offerer."""

    def __init__(self, world: "World", *, foreign: bool, same_roles: bool) -> None:
        self.world = world
        self.foreign = foreign
        self.same_roles = same_roles
        self._numbers = itertools.count(1)
        self.start()

    def start(self) -> None:
        """Begin with no rooms, and no sockets."""
        # Payloads are objects here, not JSON, so what the relay keeps is told by `_Kept`.
        kept = _Kept(enabled=not self.foreign)
        self.rooms = Rooms(
            kept, new_name=lambda: f"room {next(self._numbers)}", new_secret=lambda: f"secret {next(self._numbers)}"
        )
        self.sockets: dict[str, Socket] = {}

    def restart(self) -> None:
        """Die, and come back knowing nothing."""
        for socket in self.sockets.values():
            socket.break_()
        self.start()

    def accept(self, side: Side) -> Socket:
        socket = Socket(f"client {next(self._numbers)}", side)
        self.sockets[socket.id] = socket
        return socket

    def take(self, socket: Socket) -> None:
        """Handle a client's next message."""
        message = socket.to_relay.popleft()
        if isinstance(message, Join):
            self.deliver(self.rooms.join(socket.id, message))
        elif isinstance(message, Forward):
            self.deliver(self.rooms.forward(socket.id, message))

    def notice_loss(self, socket: Socket) -> None:
        """See that a socket is gone."""
        del self.sockets[socket.id]
        self.deliver(self.rooms.disconnect(socket.id))

    def deliver(self, deliveries: list[Delivery]) -> None:
        for client_id, message in deliveries:
            socket = self.sockets.get(client_id)
            if socket is not None and not socket.broken:
                socket.to_client.append(self._as_sent(message))

    def _as_sent(self, message: RelayMessage) -> RelayMessage:
        if not isinstance(message, Joined):
            return message
        role = Role.OFFERER if self.same_roles else message.role
        return Joined(message.room, role, resume=None if self.foreign else message.resume)


class _Kept(KeptOffers):
    """The kept offers of the rooms, without their limits and their JSON."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._texts: dict[str, list[Forward]] = {}

    def keep(self, room: str, message: Forward) -> None:
        if self._enabled and message.kind == "offer":
            self._texts[room] = [message]
        elif message.kind == "ice-candidate" and room in self._texts:
            self._texts[room].append(message)

    def take(self, room: str) -> list[Forward]:
        return self._texts.pop(room, [])

    def drop(self, room: str) -> None:  # type: ignore[override]
        self._texts.pop(room, None)


class World:
    """Two sides, a relay, and one clock."""

    def __init__(self, *, foreign_relay: bool = False, same_roles: bool = False) -> None:
        self.now = 0.0
        self._numbers = itertools.count(1)
        self.relay = RelayModel(self, foreign=foreign_relay, same_roles=same_roles)
        self.sides: list[Side] = []
        for name, role in (("a", Role.OFFERER), ("b", Role.ANSWERER)):
            self.sides.append(Side(self, name, role))

    def number(self) -> int:
        return next(self._numbers)

    def ufrag(self, side: Side) -> str:
        """A user name fragment that no other connection has; which of two is the greater is not told by age."""
        number = self.number()
        return f"{number * 7919 % 10007:05d}{side.name}"

    def new_end(self, side: Side, generation: int) -> End:
        assert side.end is None or generation == side.end.generation + 1
        return End(generation, self.ufrag(side))

    # ---- without faults

    def happen(self) -> bool:
        """Let one thing happen that needs no clock; False if there is none."""
        for side in self.sides:
            if side.socket is not None and side.socket.broken:
                side.notice_loss()
                return True
        for side in self.sides:
            if side.socket is None:
                side.connect()
                return True
            if side.socket.to_relay:
                self.relay.take(side.socket)
                return True
            if side.socket.to_client:
                side.take()
                return True
            if side.jobs:
                side.jobs.pop(0)()
                return True
            if side.can_come_up:
                side.come_up()
                return True
            if side.is_orphaned:
                side.lose("the partner closed the connection")
                return True
        for socket in list(self.relay.sockets.values()):
            if socket.broken or socket.side.socket is not socket:
                self.relay.notice_loss(socket)
                return True
        return False

    def run(self) -> None:
        """Let everything happen that needs no clock."""
        for _ in range(MOST_STEPS_WITHOUT_TIME):
            if not self.happen():
                return
        raise AssertionError("a livelock: " + self.describe())

    def fire_next_timer(self) -> None:
        """Wait for whichever clock is next."""
        due: list[tuple[float, str, Callable[[], None]]] = []
        for side in self.sides:
            due += [(at, f"{side.name} {t}", lambda s=side, t=t: s.fire(t)) for t, at in side.timers.items()]  # type: ignore[misc]
            if side.join_again_at is not None:
                due.append((side.join_again_at, f"{side.name} joins again", side.join_again))
        if not due:
            raise AssertionError("nothing will ever happen: " + self.describe())
        at, _, fire = min(due, key=lambda entry: entry[:2])
        self.now = max(self.now, at)
        fire()

    def settle(self, most_timers: int) -> int:
        """No more faults: run until both are connected with each other. Returns how many timers it took."""
        for fired in range(most_timers + 1):
            self.run()
            if all(side.connected for side in self.sides):
                return fired
            self.fire_next_timer()
        raise AssertionError(f"not connected after {most_timers} timers: " + self.describe())

    def describe(self) -> str:
        return "; ".join(
            f"{side.name} is {side.negotiation.state} as {side.negotiation.role}, timers {side.timers}, "
            f"{'admitted' if side.admitted else 'not admitted'}, {side.failures} failures"
            for side in self.sides
        )
