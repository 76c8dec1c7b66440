"""Pairing, roles, forwarding and kept offers, without a socket."""

import json
from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from signaling.kept import KeptOffers
from signaling.messages import (
    Error,
    Forward,
    Join,
    Joined,
    PeerDisconnected,
    Ready,
    Role,
    parse_from_client,
    serialize_to_client,
)
from signaling.rooms import Delivery, Rooms, is_open, make_open_name

OFFER = Forward("offer", {"type": "offer", "sdp": "v=0"})
ANSWER = Forward("answer", {"type": "answer", "sdp": "v=0"})
CANDIDATE = Forward("ice-candidate", {"candidate": "candidate:1"})
OFFERER, ANSWERER = Join(Role.OFFERER), Join(Role.ANSWERER)


class Clock:
    """A clock that stands still unless told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_kept(
    *, clock: Clock | None = None, max_bytes: int = 10_000, max_candidates: int = 10, max_bytes_in_all: int = 100_000
) -> KeptOffers:
    return KeptOffers(
        max_bytes=max_bytes,
        max_candidates=max_candidates,
        max_seconds=60.0,
        max_bytes_in_all=max_bytes_in_all,
        clock=clock or Clock(),
    )


def open_name(number: int) -> str:
    """The name of the open room with this number, which `told` shortens to `room-1`."""
    return f"open-{number:032x}"


def make_rooms(kept: KeptOffers | None = None) -> Rooms:
    names, secrets = count(1), count(1)
    return Rooms(
        kept or make_kept(), new_name=lambda: open_name(next(names)), new_secret=lambda: f"secret-{next(secrets)}"
    )


def shortened(room: str) -> str:
    return f"room-{int(room.removeprefix('open-'), 16)}" if is_open(room) else room


def told(deliveries: list[Delivery]) -> list[str]:
    """What is sent to whom, in short: `"a joined room-1 offerer"`."""
    words = []
    for client_id, message in deliveries:
        match message:
            case Joined(room, role):
                words.append(f"{client_id} joined {shortened(room)} {role}")
            case Error(_, code):
                words.append(f"{client_id} error {code}")
            case Ready():
                words.append(f"{client_id} ready")
            case PeerDisconnected():
                words.append(f"{client_id} alone")
            case Forward(kind):
                words.append(f"{client_id} {kind}")
    return words


class TestPairing:
    def test_the_second_meets_the_first(self) -> None:
        rooms = make_rooms()
        assert told(rooms.join("a", OFFERER)) == ["a joined room-1 offerer"]
        assert told(rooms.join("b", ANSWERER)) == ["b joined room-1 answerer", "a ready", "b ready"]

    def test_the_longest_waiting_room_comes_first(self) -> None:
        rooms = make_rooms()
        for number, client_id in enumerate("abc"):
            rooms.join(client_id, Join(Role.OFFERER, room=open_name(number)))
        for number, client_id in enumerate("xyz"):
            assert told(rooms.join(client_id, ANSWERER))[0] == f"{client_id} joined room-{number} answerer"

    def test_a_room_that_lost_one_waits_from_then_on(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.join("b", ANSWERER)
        rooms.join("c", OFFERER)
        rooms.leave("b")
        assert told(rooms.join("d", ANSWERER))[0] == "d joined room-2 answerer"
        assert told(rooms.join("e", ANSWERER))[0] == "e joined room-1 answerer"

    def test_nobody_comes_into_a_named_room_without_its_name(self) -> None:
        rooms = make_rooms()
        for name in "lab", "open-", "open-lab", "open-" + "0" * 31, "open-" + "G" * 32, f"{open_name(1)} ", "OPEN-1":
            rooms.join(f"in {name}", Join(Role.OFFERER, room=name))
        assert told(rooms.join("a", ANSWERER)) == ["a joined room-1 answerer"]
        rooms.leave("a")
        rooms.join("guest", Join(Role.ANSWERER, room="lab"))
        rooms.leave("guest")  # the room waits anew, and is as closed as before
        assert told(rooms.join("b", ANSWERER)) == ["b joined room-2 answerer"]

    def test_who_comes_back_with_the_name_of_an_open_room_is_found(self) -> None:
        rooms = make_rooms()  # of a relay that began anew
        rooms.join("a", Join(Role.OFFERER, room=open_name(7)))
        assert told(rooms.join("b", ANSWERER))[0] == "b joined room-7 answerer"

    def test_nobody_guesses_the_name_of_an_open_room(self) -> None:
        names = {make_open_name() for _ in range(1000)}
        assert len(names) == 1000
        assert all(is_open(name) for name in names)
        digits = [name.removeprefix("open-") for name in names]
        assert all(len({digit[place] for digit in digits}) == 16 for place in range(32))  # all of them is chance

    def test_a_generated_name_is_never_one_in_use(self) -> None:
        rooms = make_rooms()
        rooms.join("a", Join(Role.OFFERER, room=open_name(1)))
        rooms.join("b", Join(Role.OFFERER, room=open_name(1)))
        assert told(rooms.join("c", OFFERER)) == ["c joined room-2 offerer"]

    def test_the_later_of_two_with_one_role_gets_the_other(self) -> None:
        for role in Role:
            rooms = make_rooms()
            rooms.join("a", Join(role))
            assert told(rooms.join("b", Join(role)))[0] == f"b joined room-1 {role.other}"

    def test_who_comes_into_a_room_after_its_first_left_gets_the_role_that_is_free(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.join("b", OFFERER)
        rooms.disconnect("a")
        assert told(rooms.join("c", ANSWERER))[0] == "c joined room-1 offerer"

    def test_a_third_is_refused_and_is_in_no_room(self) -> None:
        rooms = make_rooms()
        for client_id in "ab":
            rooms.join(client_id, Join(Role.OFFERER, room="lab"))
        assert told(rooms.join("c", Join(Role.OFFERER, room="lab"))) == ["c error room-full"]
        assert told(rooms.forward("c", OFFER)) == ["c error not-in-room"]
        assert len(rooms) == 1


class TestRejoining:
    def test_alone_it_is_not_paired_with_itself(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        assert told(rooms.join("a", ANSWERER)) == ["a joined room-2 answerer"]
        assert len(rooms) == 1

    def test_the_partner_is_told_and_may_be_met_again(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.join("b", ANSWERER)
        assert told(rooms.join("b", OFFERER)) == ["a alone", "b joined room-1 answerer", "a ready", "b ready"]

    def test_a_full_room_costs_the_old_one(self) -> None:
        rooms = make_rooms()
        for client_id in "ab":
            rooms.join(client_id, Join(Role.OFFERER, room="lab"))
        rooms.join("c", Join(Role.OFFERER, room="other"))
        rooms.join("d", Join(Role.OFFERER, room="other"))
        assert told(rooms.join("c", Join(Role.OFFERER, room="lab"))) == ["d alone", "c error room-full"]


class TestLeaving:
    def test_the_partner_is_told_once(self) -> None:
        for leave in Rooms.leave, Rooms.disconnect:
            rooms = make_rooms()
            rooms.join("a", OFFERER)
            rooms.join("b", ANSWERER)
            assert told(leave(rooms, "a")) == ["b alone"]
            assert leave(rooms, "a") == []
            assert leave(rooms, "b") == []
            assert len(rooms) == 0

    def test_strangers_leave_nothing(self) -> None:
        assert make_rooms().disconnect("nobody") == []


class TestForwarding:
    def test_it_goes_to_the_partner_untouched(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.join("b", ANSWERER)
        assert rooms.forward("a", OFFER) == [("b", OFFER)]
        assert rooms.forward("b", ANSWER) == [("a", ANSWER)]

    def test_outside_a_room_it_is_an_error(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.leave("a")
        for message in OFFER, ANSWER, CANDIDATE:
            assert told(rooms.forward("a", message)) == ["a error not-in-room"]


class TestKeptOffers:
    def test_they_come_after_ready_in_their_order(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        last = Forward("ice-candidate", None)
        for message in OFFER, CANDIDATE, last:
            assert rooms.forward("a", message) == []
        deliveries = rooms.join("b", ANSWERER)
        assert told(deliveries)[1:3] == ["a ready", "b ready"]
        assert deliveries[3:] == [("b", OFFER), ("b", CANDIDATE), ("b", last)]

    def test_they_are_handed_over_once(self) -> None:
        rooms = make_rooms()
        rooms.join("a", OFFERER)
        rooms.forward("a", OFFER)
        rooms.join("b", ANSWERER)
        rooms.leave("b")
        assert told(rooms.join("c", ANSWERER))[-1] == "c ready"

    def test_only_the_latest_with_its_own_candidates(self) -> None:
        kept = make_kept()
        later = Forward("offer", "later")
        for message in CANDIDATE, OFFER, CANDIDATE, CANDIDATE, later, CANDIDATE, ANSWER:
            kept.keep("lab", message)
        assert kept.take("lab") == [later, CANDIDATE]
        assert kept.take("lab") == []

    def test_they_are_dropped_when_their_sender_leaves_or_joins_again(self) -> None:
        for go in (
            lambda rooms: rooms.leave("a"),
            lambda rooms: rooms.disconnect("a"),
            lambda rooms: rooms.join("a", Join(Role.OFFERER, room="lab")),
        ):
            rooms = make_rooms()
            rooms.join("a", Join(Role.OFFERER, room="lab"))
            rooms.forward("a", OFFER)
            go(rooms)
            rooms.join("b", Join(Role.ANSWERER, room="lab"))
            assert "b offer" not in told(rooms.join("c", Join(Role.ANSWERER, room="lab")))
            assert "b offer" not in told(rooms.join("b", Join(Role.ANSWERER, room="lab")))

    def test_they_are_bounded_in_count(self) -> None:
        kept = make_kept(max_candidates=3)
        for message in [OFFER, *[CANDIDATE] * 5]:
            kept.keep("lab", message)
        assert kept.take("lab") == [OFFER, *[CANDIDATE] * 3]

    def test_they_are_bounded_in_bytes(self) -> None:
        size = len(serialize_to_client(OFFER)) + len(serialize_to_client(CANDIDATE))
        kept = make_kept(max_bytes=size)
        for message in OFFER, CANDIDATE, CANDIDATE:
            kept.keep("lab", message)
        assert kept.take("lab") == [OFFER, CANDIDATE]
        kept.keep("lab", OFFER)
        kept.keep("lab", Forward("offer", "x" * size))
        kept.keep("lab", CANDIDATE)
        assert kept.take("lab") == []  # neither the one that was too long, nor the one that it replaced

    def test_the_bytes_are_those_of_utf_8(self) -> None:
        films = parse_from_client(json.dumps({"type": "offer", "payload": "\U0001f3a5" * 10}, ensure_ascii=False))
        assert isinstance(films, Forward)
        size = len(serialize_to_client(films).encode())
        for max_bytes, expected in (size, [films]), (size - 1, []):
            kept = make_kept(max_bytes=max_bytes)
            kept.keep("lab", films)
            assert kept.take("lab") == expected

    def test_they_are_bounded_in_time(self) -> None:
        clock = Clock()
        kept = make_kept(clock=clock)
        kept.keep("early", OFFER)
        clock.now += 30
        kept.keep("late", OFFER)
        clock.now += 30
        kept.keep("early", CANDIDATE)
        assert kept.take("early") == []
        assert kept.take("late") == [OFFER]

    def test_all_together_are_bounded_in_bytes(self) -> None:
        size = len(serialize_to_client(OFFER))
        kept = make_kept(max_bytes_in_all=3 * size)
        for room in "abcd":
            kept.keep(room, OFFER)
        assert [kept.take(room) for room in "abcd"] == [[], [OFFER], [OFFER], [OFFER]]
        for room in "abc":
            kept.keep(room, OFFER)
        assert [kept.take(room) for room in "abc"] == [[OFFER]] * 3  # what was taken no longer counts


class TestResuming:
    def join(self, rooms: Rooms, client_id: str, join: Join) -> str:
        """Join, and return the secret to resume with."""
        (secret,) = [
            message.resume
            for receiver, message in rooms.join(client_id, join)
            if isinstance(message, Joined) and receiver == client_id
        ]
        assert secret is not None
        return secret

    def test_it_takes_the_place_and_the_partner_sees_nothing(self) -> None:
        rooms = make_rooms()
        secret = self.join(rooms, "a", Join(Role.ANSWERER, room="lab"))
        rooms.join("b", Join(Role.ANSWERER, room="lab"))
        rooms.forward("a", CANDIDATE)
        resume = Join(Role.OFFERER, room="lab", resume=secret)
        assert told(rooms.join("a2", resume)) == ["a error replaced", "a2 joined lab answerer"]
        assert rooms.forward("b", OFFER) == [("a2", OFFER)]
        assert told(rooms.forward("a", OFFER)) == ["a error not-in-room"]
        assert rooms.disconnect("a") == []
        assert told(rooms.join("a3", resume)) == ["a2 error replaced", "a3 joined lab answerer"]

    def test_news_that_may_have_been_lost_are_repeated(self) -> None:
        rooms = make_rooms()
        secret = self.join(rooms, "a", OFFERER)
        rooms.join("b", ANSWERER)
        resume = Join(Role.OFFERER, resume=secret)
        assert told(rooms.join("a2", resume))[2:] == ["a2 ready", "b ready"]
        rooms.forward("a2", OFFER)
        rooms.leave("b")
        assert told(rooms.join("a3", resume))[2:] == ["a3 alone"]

    def test_a_place_that_was_given_up_is_joined_as_any_other(self) -> None:
        rooms = make_rooms()
        secret = self.join(rooms, "a", Join(Role.OFFERER, room="lab"))
        rooms.disconnect("a")
        assert told(rooms.join("a2", Join(Role.OFFERER, room="lab", resume=secret))) == ["a2 joined lab offerer"]

    def test_on_the_same_connection_nothing_changes(self) -> None:
        rooms = make_rooms()
        secret = self.join(rooms, "a", OFFERER)
        assert told(rooms.join("a", Join(Role.ANSWERER, resume=secret))) == ["a joined room-1 offerer"]

    def test_the_partner_may_resume_it(self) -> None:
        rooms = make_rooms()
        secret = self.join(rooms, "a", OFFERER)
        rooms.join("b", ANSWERER)
        words = told(rooms.join("b", Join(Role.ANSWERER, resume=secret)))
        assert words == ["a alone", "a error replaced", "b joined room-1 offerer", "b alone"]


@dataclass
class ModelRoom:
    name: str
    members: list[tuple[str, Role]] = field(default_factory=list)
    waiting_since: int = 0
    kept: list[Forward] = field(default_factory=list)


class RoomsMachine(RuleBasedStateMachine):
    """Any order of joins, leaves and messages, against a model that is slow and plain."""

    clients = st.sampled_from("abcdef")
    roles = st.sampled_from(Role)

    def __init__(self) -> None:
        super().__init__()
        self.rooms = make_rooms(make_kept(max_candidates=3))
        self.model: list[ModelRoom] = []
        self.steps = count()

    def room_of(self, client: str) -> ModelRoom | None:
        return next((room for room in self.model for member, _ in room.members if member == client), None)

    def remove(self, client: str) -> list[str]:
        room = self.room_of(client)
        if room is None:
            return []
        room.members = [member for member in room.members if member[0] != client]
        room.waiting_since, room.kept = next(self.steps), []
        if not room.members:
            self.model.remove(room)
        return [f"{member} alone" for member, _ in room.members]

    @rule(client=clients, role=roles, name=st.none() | st.sampled_from(["lab", "hall", open_name(1)]))
    def join(self, client: str, role: Role, name: str | None) -> None:
        expected = self.remove(client)
        deliveries = self.rooms.join(client, Join(role, room=name))
        unnamed = [room for room in self.model if room.name.startswith("open-") and len(room.members) == 1]
        waiting = sorted(unnamed, key=lambda room: room.waiting_since)
        found = waiting[:1] if name is None else [room for room in self.model if room.name == name]
        if found and len(found[0].members) == 2:
            assert told(deliveries) == [*expected, f"{client} error room-full"]
            return
        if not found:
            (joined,) = [message for _, message in deliveries if isinstance(message, Joined)]
            assert name in (None, joined.room)
            found = [ModelRoom(joined.room, waiting_since=next(self.steps))]
            self.model.append(found[0])
        (room,) = found
        role = room.members[0][1].other if room.members else role
        room.members.append((client, role))
        expected.append(f"{client} joined {shortened(room.name)} {role}")
        if len(room.members) == 2:
            expected += [f"{member} ready" for member, _ in room.members]
            expected += [f"{client} {message.kind}" for message in room.kept]
            room.kept = []
        assert told(deliveries) == expected

    @rule(client=clients)
    def leave(self, client: str) -> None:
        assert told(self.rooms.leave(client)) == self.remove(client)

    @rule(client=clients)
    def disconnect(self, client: str) -> None:
        assert told(self.rooms.disconnect(client)) == self.remove(client)

    @precondition(lambda self: self.model)
    @rule(client=clients, message=st.sampled_from([OFFER, ANSWER, CANDIDATE]))
    def forward(self, client: str, message: Forward) -> None:
        deliveries = self.rooms.forward(client, message)
        room = self.room_of(client)
        if room is None:
            assert told(deliveries) == [f"{client} error not-in-room"]
        elif len(room.members) == 2:
            (partner,) = [member for member, _ in room.members if member != client]
            assert deliveries == [(partner, message)]
        else:
            assert deliveries == []
            if message is OFFER:
                room.kept = [OFFER]
            elif message is CANDIDATE and 0 < len(room.kept) <= 3:
                room.kept.append(CANDIDATE)

    @invariant()
    def rooms_vanish_when_they_are_empty(self) -> None:
        assert len(self.rooms) == len(self.model)


TestAnyOrder = RoomsMachine.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
