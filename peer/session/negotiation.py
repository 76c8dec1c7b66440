"""Offer, answer and candidates as a state machine without I/O (RFC 8829, RFC 8838): events in, actions out.

    JOINING ──Admitted──► WAITING ◄───────────────PartnerLeft──────────────────┐
                             │ PartnerReady                                    │
              offerer        │             answerer                            │
         OFFERING ◄──────────┴──────────► EXPECTING                            │
             │ LocalDescription               │ RemoteDescription(offer)       │
          OFFERED                         ANSWERING                            │
             │ RemoteDescription(answer)      │ LocalDescription               │
             └──────────► CONNECTING ◄────────┘                                │
                             │ ConnectionUp          ConnectionLost:           │
                          CONNECTED ─────────────►   offer or expect again ────┘

A connection is opened, and its candidates are gathered, while there is no partner yet; an offerer's offer is made then
too. Each connection has a number, the generation; what arrives from an older one is dropped. `None` never means
"later": what can't be done in a state is either kept (candidates) or dropped, as the method of that event says.
"""

from collections import deque
from dataclasses import replace

from peer.sdp.description import MAX_CANDIDATES, Candidate, Description, with_candidates
from peer.session.jsep import (
    IN_CALL,
    Action,
    AddCandidate,
    Admitted,
    ApplyAnswer,
    ApplyOffer,
    CloseConnection,
    Closed,
    ConnectionLost,
    ConnectionUp,
    DescriptionRejected,
    Event,
    LocalCandidate,
    LocalDescription,
    MakeOffer,
    NetworkChanged,
    OpenConnection,
    PartnerLeft,
    PartnerReady,
    Rejoin,
    RemoteCandidate,
    RemoteDescription,
    ReportFailure,
    SendCandidate,
    SendDescription,
    SignalingLost,
    StartTimer,
    State,
    StopTimer,
    Timer,
    TimerFired,
)
from signaling.messages import Role

OFFER_REPEAT_SECONDS = (3.0, 4.5, 6.5, 10.0)
"""How long an offer waits for its answer before it is sent again; the last value then stays."""
RETRY_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0)
"""How long a broken negotiation rests before the next attempt, by the number of failures in a row."""
FAILURES_BEFORE_REST = 3
"""After so many broken offers in a row, the next one is taken only when the rest is over."""
REPEATS_BEFORE_YIELDING = 2
"""How often an offer is repeated to a partner that offers itself, before ours gives way."""
MAX_HEARD = 32
REJOIN_SECONDS = 8.0
"""How long an answerer that lost its connection waits for a new offer before it takes its place in the room anew."""


class Negotiation:
    """One peer's side of offer and answer, over all its calls.

    `receive` takes an event and returns what to do, in order. It never raises for what a partner or relay does.
    """

    def __init__(self) -> None:
        self.state = State.JOINING
        self.role = Role.OFFERER
        self.generation = 0
        """The number of the current connection; 0 before the first."""
        self._used = True
        """Whether the current connection was offered to, or by, a partner: the next partner needs another."""
        self._failed = 0
        """The number of the last connection that was of no use: what it still tells says nothing new."""
        self._offering = False
        """Whether an offer was asked of the current connection: it can't answer one then."""
        self._local: Description | None = None
        self._local_candidates: list[Candidate] = []
        self._local_complete = False
        self._remote: Description | None = None
        self._early: deque[Candidate] = deque(maxlen=MAX_CANDIDATES)
        self._remote_count = 0
        self._repeats = 0
        self._failures = 0
        self._collided: Description | None = None
        """The partner's offer that ours did not give way to."""
        self._heard: deque[object] = deque(maxlen=MAX_HEARD)
        """What the partner offered and answered, in this order: only the last of it holds, the rest are echoes."""
        self._postponed: Description | None = None
        """The newest offer that came while a partner's broken ones made us rest."""
        self._relay_away = False
        """The relay was lost, and has not admitted us again."""
        self._partner_there = False
        """The relay told that a partner is in our room, and has not told that it left."""
        self._rejoining = False
        """We asked for a new place in the room, and don't have it yet."""
        self._actions: list[Action] = []

    def receive(self, event: Event) -> list[Action]:
        """Take one event; return the actions that it leads to, in the order in which to carry them out."""
        if self.state is State.CLOSED or self._is_stale(event):
            return []
        self._handle(event)
        actions, self._actions = self._actions, []
        return actions

    def _is_stale(self, event: Event) -> bool:
        generation = getattr(event, "generation", None)
        return generation is not None and (generation != self.generation or generation == self._failed)

    def _handle(self, event: Event) -> None:  # noqa: C901, PLR0912 (one line an event)
        match event:
            case Admitted(role, resumed):
                self._on_admitted(role, resumed=resumed)
            case PartnerReady():
                self._on_partner_ready()
            case PartnerLeft():
                self._on_partner_left()
            case SignalingLost():
                self._on_signaling_lost()
            case RemoteDescription(description) if description.type == "offer":
                self._on_offer(description)
            case RemoteDescription(description):
                self._on_answer(description)
            case RemoteCandidate(candidate):
                self._on_remote_candidate(candidate)
            case LocalDescription(_, description):
                self._on_local_description(description)
            case LocalCandidate(_, candidate):
                self._on_local_candidate(candidate)
            case DescriptionRejected(_, reason) | ConnectionLost(_, reason):
                self._fail(reason)
            case ConnectionUp():
                self._on_connection_up()
            case NetworkChanged(cut):
                self._on_network_changed(cut=cut)
            case TimerFired(timer):
                self._on_timer(timer)
            case Closed():
                self._on_closed()

    # ---- the room

    def _on_admitted(self, role: Role, *, resumed: bool) -> None:
        self._relay_away = False
        self._partner_there = self._partner_there and resumed
        if self._rejoining and resumed:
            self._do(Rejoin())  # What we asked for was lost with the socket.
            return
        self._rejoining = False
        if self.state is not State.JOINING and role is self.role:
            return  # A call goes on without the relay.
        self.role = role
        self._wait()
        if self._partner_there:
            self._begin()  # What we said last may be lost, and the relay does not say `ready` again.

    def _on_partner_ready(self) -> None:
        if self.state is State.JOINING:
            return
        is_back = not self._partner_there and self.state in IN_CALL
        self._partner_there = True
        if is_back:
            return  # After a lost relay: both sides of the call have found their room again.
        self._failures = 0
        self._begin()

    def _on_partner_left(self) -> None:
        self._partner_there = False
        if self.state is not State.JOINING:
            self._wait()

    def _on_signaling_lost(self) -> None:
        self._relay_away = True
        if self.state not in IN_CALL:
            self._stop_timers()
            self.state = State.JOINING

    def _wait(self) -> None:
        """Go back to an empty room, or to none, with a connection ready for whoever comes."""
        self._stop_timers()
        self._failures = 0
        self.state = State.JOINING if self._relay_away else State.WAITING
        self._restart()

    def _begin(self) -> None:
        """Start a call with the partner who is there."""
        self._stop_timers()
        if self._used:
            self._early.clear()  # They were the last partner's.
        self._forget_partner()
        self._renew_connection()
        if self.role is Role.ANSWERER:
            self.state = State.EXPECTING
        elif self._local is None:
            self.state = State.OFFERING
        else:
            self._offer()

    def _forget_partner(self) -> None:
        self._remote = None
        self._collided = None
        self._postponed = None
        self._remote_count = 0

    def _renew_connection(self) -> None:
        """Have a connection that no partner has seen yet, made for our role."""
        if self._used or self._offering is not (self.role is Role.OFFERER):
            self._open(offering=self.role is Role.OFFERER)

    def _open(self, *, offering: bool) -> None:
        if self.generation:
            self._do(CloseConnection(self.generation))
        self.generation += 1
        self._used = False
        self._offering = offering
        self._local, self._local_candidates, self._local_complete = None, [], False
        self._do(OpenConnection(self.generation))
        if offering:
            self._do(MakeOffer(self.generation))

    # ---- offering

    def _offer(self) -> None:
        self.state = State.OFFERED
        self._used = True
        self._repeats = 0
        self._send_description()
        self._do(StartTimer(Timer.REPEAT, OFFER_REPEAT_SECONDS[0]))

    def _on_answer(self, answer: Description) -> None:
        """Apply the answer to our present offer; any other is a repetition, or answers an offer that is gone."""
        if self.state is not State.OFFERED or self._local is None or not answer.answers(self._local):
            return
        self._do(StopTimer(Timer.REPEAT))
        self._heard.append(answer.identity)
        self._remote = answer
        self._do(ApplyAnswer(self.generation, answer))
        self._connect()

    def _repeat_offer(self) -> None:
        """The partner may have missed the offer, or waits for an answer to its own."""
        self._repeats += 1
        if self._collided is not None and self._repeats >= REPEATS_BEFORE_YIELDING:
            self._accept(self._collided)
            return
        self._send_description()
        seconds = OFFER_REPEAT_SECONDS[min(self._repeats, len(OFFER_REPEAT_SECONDS) - 1)]
        self._do(StartTimer(Timer.REPEAT, seconds))

    # ---- answering

    def _on_offer(self, offer: Description) -> None:
        if offer.identity not in self._heard:
            self._heard.append(offer.identity)
        nobody_is_there = self.state is State.WAITING and self.role is Role.OFFERER
        if self.state is State.JOINING or nobody_is_there or offer.identity != self._heard[-1]:
            return
        if offer.same_session(self._remote):
            self._repeat_answer()
        elif self._failures >= FAILURES_BEFORE_REST and self.state in (State.OFFERING, State.EXPECTING):
            self._postponed = offer
        elif self.state in (State.OFFERING, State.OFFERED) and not self._yields_to(offer):
            self._collided = offer
        else:
            self._accept(offer)

    def _yields_to(self, offer: Description) -> bool:
        """Both sides offer: whether ours gives way.

        The relay gave the roles, and the partner has to obey. One that offers all the same either knows no roles, and
        gets its way by repeating its offer; or it is like us, on a relay that gave both the same role: then exactly
        one of the two yields at once, by a comparison that both make alike.
        """
        if offer.same_session(self._collided):
            return True
        return self._local is not None and max(self._local.ufrags) < max(offer.ufrags, default="")

    def _accept(self, offer: Description) -> None:
        """Answer this offer, on a connection that has seen no other."""
        self._stop_timers()
        if self._used or self._offering:
            self._open(offering=False)
        self._used = True
        self._forget_partner()
        self._remote = offer
        self.state = State.ANSWERING
        self._do(ApplyOffer(self.generation, offer))
        self._flush_early()

    def _repeat_answer(self) -> None:
        """The partner repeats an offer that we know: its answer may have been lost."""
        if self.state in IN_CALL and self._local is not None and self._local.type == "answer":
            self._send_description()

    def _on_local_description(self, description: Description) -> None:
        self._local = description
        if self.state is State.OFFERING and description.type == "offer":
            self._offer()
        elif self.state is State.ANSWERING and description.type == "answer":
            self._send_description()
            self._connect()

    def _send_description(self) -> None:
        if self._local is not None:
            all_of_it = with_candidates(self._local, self._local_candidates, complete=self._local_complete)
            self._do(SendDescription(all_of_it))

    # ---- candidates

    def _on_local_candidate(self, candidate: Candidate) -> None:
        """Trickle what the description that was sent does not hold (RFC 8838 §4)."""
        if candidate.line:
            self._local_candidates.append(candidate)
        else:
            self._local_complete = True
        if self.state is State.OFFERED or self.state in IN_CALL:
            answered = self._remote if self._remote is not None and self._remote.type == "answer" else self._local
            index, mid = answered.transport_section if answered else (0, None)
            self._do(SendCandidate(replace(candidate, mid=mid, index=index)))

    def _on_remote_candidate(self, candidate: Candidate) -> None:
        """Add it when the description that it belongs to is known, else keep it for then (RFC 8838 §11)."""
        if self.state is State.JOINING or not self._belongs(candidate):
            return
        if self._remote is not None:
            self._add(candidate)
        elif candidate.line or candidate.ufrag is not None:  # else it may end the last connection's candidates
            self._early.append(candidate)

    def _belongs(self, candidate: Candidate) -> bool:
        """Whether the candidate is of the partner's present connection, as far as it tells (RFC 8839 §5.4)."""
        return self._remote is None or candidate.ufrag is None or candidate.ufrag in self._remote.ufrags

    def _flush_early(self) -> None:
        for candidate in self._early:
            if self._belongs(candidate):
                self._add(candidate)
        self._early.clear()

    def _add(self, candidate: Candidate) -> None:
        if candidate.line:
            self._remote_count += 1
            if self._remote_count > MAX_CANDIDATES:
                return  # A partner with more paths than this is not in earnest: each one costs packets.
        self._do(AddCandidate(self.generation, candidate))

    # ---- the connection

    def _connect(self) -> None:
        self.state = State.CONNECTING
        self._flush_early()
        self._do(StartTimer(Timer.CONNECT))

    def _on_connection_up(self) -> None:
        if self.state is State.CONNECTING:
            self._stop_timers()
            self._failures = 0
            self.state = State.CONNECTED

    def _fail(self, reason: str) -> None:
        """This connection is of no use. Offer anew, or wait for the partner to: it notices the same."""
        self._used, self._failed = True, self.generation
        if self.state is State.JOINING:
            return
        self._stop_timers()
        self._do(ReportFailure(reason))
        if self._is_cut_off():
            self._wait()
            return
        rest = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        if self.role is Role.ANSWERER and self.state is not State.WAITING:
            if self.state is not State.EXPECTING:  # else not even gathering works: the next offer tries anew
                self.state = State.EXPECTING
                self._restart()
            self._do(StartTimer(Timer.RETRY, REJOIN_SECONDS))
            return
        if self.state is not State.WAITING:
            self.state = State.OFFERING
        if rest:
            self._do(StartTimer(Timer.RETRY, rest))
        else:
            self._restart()

    def _restart(self) -> None:
        self._early.clear()
        self._forget_partner()
        self._renew_connection()

    def _on_network_changed(self, *, cut: bool) -> None:
        """Gather anew. A running call goes on, unless it went by an address that is gone."""
        if self.state in IN_CALL and not cut:
            return
        self._used = True
        if self.state is State.WAITING:
            self._restart()
        elif self._is_cut_off():
            self._wait()
        elif self.state is State.ANSWERING and self._remote is not None:
            self._accept(self._remote)
        elif self.role is Role.OFFERER and self.state is not State.JOINING:
            self._begin()
        elif self.state in IN_CALL:
            self._rejoin()  # The partner does not know yet, and only it can offer.

    def _is_cut_off(self) -> bool:
        """Whether a call outlived the relay: without it, or before the partner is back there, none can follow."""
        return self.state in IN_CALL and (self._relay_away or not self._partner_there)

    def _on_timer(self, timer: Timer) -> None:
        match timer, self.state:
            case Timer.REPEAT, State.OFFERED:
                self._repeat_offer()
            case Timer.RETRY, State.EXPECTING if self._postponed is not None:
                self._accept(self._postponed)
            case Timer.RETRY, State.EXPECTING:
                self._rejoin()
            case Timer.RETRY, State.OFFERING | State.WAITING:
                self._restart()

    def _rejoin(self) -> None:
        self._stop_timers()
        self.state = State.JOINING
        self._rejoining = True
        self._do(Rejoin())

    def _on_closed(self) -> None:
        self._stop_timers()
        if self.generation:
            self._do(CloseConnection(self.generation))
        self.state = State.CLOSED

    def _stop_timers(self) -> None:
        for timer in Timer:
            self._do(StopTimer(timer))

    def _do(self, action: Action) -> None:
        self._actions.append(action)
