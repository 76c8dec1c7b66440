"""The negotiation's table: in every situation, what each event leads to. `negotiation_table.txt` says what is right."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from peer.sdp.description import END_OF_CANDIDATES, Description
from peer.session import jsep
from peer.session.jsep import State, Timer
from peer.session.negotiation import Negotiation
from signaling.messages import Role
from tests.peer.descriptions import description, host_candidate

OUR_MIDS, THEIR_MIDS = ("0-ours", "1-ours"), ("0-theirs", "1-theirs")
OUR_OFFER = description("offer", "mmmm", OUR_MIDS)
OUR_ANSWER = description("answer", "mmmm", THEIR_MIDS)
THEIR_ANSWER = description("answer", "zzzz", OUR_MIDS)
STALE_ANSWER = description("answer", "yyyy", ("0-old", "1-old"))
THEIR_OFFER = description("offer", "zzzz", THEIR_MIDS)  # ours gives way to it: z is after m
NEXT_OFFER = description("offer", "zzza", ("0-next", "1-next"))
LESSER_OFFER = description("offer", "aaaa", ("0-less", "1-less"))  # ours does not give way to it


class Peer:
    """A negotiation, and the events of its present connection."""

    def __init__(self) -> None:
        self.negotiation = Negotiation()

    def after(self, *names: str) -> "Peer":
        for name in names:
            self.take(name)
        return self

    def take(self, name: str) -> list[jsep.Action]:
        return self.negotiation.receive(self.event(name))

    def event(self, name: str) -> jsep.Event:
        generation = self.negotiation.generation
        return {
            "admitted as offerer": jsep.Admitted(Role.OFFERER),
            "admitted as answerer": jsep.Admitted(Role.ANSWERER),
            "resumed as offerer": jsep.Admitted(Role.OFFERER, resumed=True),
            "resumed as answerer": jsep.Admitted(Role.ANSWERER, resumed=True),
            "partner ready": jsep.PartnerReady(),
            "partner left": jsep.PartnerLeft(),
            "signaling lost": jsep.SignalingLost(),
            "an offer": jsep.RemoteDescription(THEIR_OFFER),
            "the next offer": jsep.RemoteDescription(NEXT_OFFER),
            "a lesser offer": jsep.RemoteDescription(LESSER_OFFER),
            "the answer": jsep.RemoteDescription(THEIR_ANSWER),
            "a stale answer": jsep.RemoteDescription(STALE_ANSWER),
            "a candidate": jsep.RemoteCandidate(host_candidate(1, "zzzz")),
            "the end of candidates": jsep.RemoteCandidate(END_OF_CANDIDATES),
            "our offer is made": jsep.LocalDescription(generation, OUR_OFFER),
            "our answer is made": jsep.LocalDescription(generation, OUR_ANSWER),
            "a candidate of ours": jsep.LocalCandidate(generation, host_candidate(2, "mmmm")),
            "the end of ours": jsep.LocalCandidate(generation, END_OF_CANDIDATES),
            "description rejected": jsep.DescriptionRejected(generation, "why"),
            "connection up": jsep.ConnectionUp(generation),
            "connection lost": jsep.ConnectionLost(generation, "why"),
            "network changed": jsep.NetworkChanged(),
            "network cut": jsep.NetworkChanged(cut=True),
            "timer repeat": jsep.TimerFired(Timer.REPEAT),
            "timer connect": jsep.TimerFired(Timer.CONNECT),
            "timer retry": jsep.TimerFired(Timer.RETRY),
            "closed": jsep.Closed(),
        }[name]


_OFFERED = ("admitted as offerer", "our offer is made", "partner ready")
_OFFERER_CONNECTED = (*_OFFERED, "the answer", "connection up")
_ANSWERING = ("admitted as answerer", "partner ready", "an offer")
_ANSWERER_CONNECTED = (*_ANSWERING, "our answer is made", "connection up")

SITUATIONS: dict[str, tuple[str, ...]] = {
    "offerer joining": (),
    "offerer joining again, offered before": (*_OFFERED, "signaling lost"),
    "offerer waiting": ("admitted as offerer",),
    "offerer waiting, offer made": ("admitted as offerer", "our offer is made"),
    "offerer offering": ("admitted as offerer", "partner ready"),
    "offerer offering, resting": (*_OFFERED, *("connection lost", "our offer is made") * 2, "connection lost"),
    "offerer offered": _OFFERED,
    "offerer offered, collided": (*_OFFERED, "a lesser offer"),
    "offerer offered, collided, repeated": (*_OFFERED, "a lesser offer", "timer repeat"),
    "offerer answering": (*_OFFERED, "an offer"),
    "offerer connecting": (*_OFFERED, "the answer"),
    "offerer connecting, yielded": (*_OFFERED, "an offer", "our answer is made"),
    "offerer connected": _OFFERER_CONNECTED,
    "offerer connected, relay away": (*_OFFERER_CONNECTED, "signaling lost"),
    "offerer connected, alone in the room": (*_OFFERER_CONNECTED, "signaling lost", "admitted as offerer"),
    "offerer closed": ("admitted as offerer", "closed"),
    "answerer joining": ("admitted as answerer", "signaling lost"),
    "answerer joining, rejoining": (*_ANSWERING, "connection lost", "timer retry"),
    "answerer waiting": ("admitted as answerer",),
    "answerer expecting": ("admitted as answerer", "partner ready"),
    "answerer expecting, failed before": (*_ANSWERING, "description rejected"),
    "answerer expecting, resting": (
        *_ANSWERING,
        *("description rejected", "the next offer", "description rejected", "a lesser offer", "description rejected"),
    ),
    "answerer answering": _ANSWERING,
    "answerer connecting": (*_ANSWERING, "our answer is made"),
    "answerer connected": _ANSWERER_CONNECTED,
    "answerer connected, relay away": (*_ANSWERER_CONNECTED, "signaling lost"),
    "answerer connected, alone in the room": (*_ANSWERER_CONNECTED, "signaling lost", "admitted as answerer"),
    "answerer closed": ("admitted as answerer", "closed"),
}
EVENTS = [
    *("admitted as offerer", "admitted as answerer", "resumed as offerer", "resumed as answerer"),
    *("partner ready", "partner left", "signaling lost"),
    *("an offer", "the next offer", "a lesser offer", "the answer", "a stale answer"),
    *("a candidate", "the end of candidates"),
    *("our offer is made", "our answer is made", "a candidate of ours", "the end of ours"),
    *("description rejected", "connection up", "connection lost", "network changed", "network cut"),
    *("timer repeat", "timer connect", "timer retry", "closed"),
]
NOTHING = "nothing"


def words_for(actions: list[jsep.Action]) -> str:
    """Actions as the table writes them; that all timers stop is one word."""
    words = " ".join(_word(action) for action in actions)
    return words.replace(" ".join(f"stop-{timer}" for timer in Timer), "stop")


def _word(action: jsep.Action) -> str:
    match action:
        case jsep.StartTimer(timer) | jsep.StopTimer(timer):
            return f"{'start' if isinstance(action, jsep.StartTimer) else 'stop'}-{timer}"
        case jsep.SendDescription(sent):
            return f"send-{sent.type}"
        case _:
            return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(action).__name__).lower()


def outcome(situation: str, event: str) -> str:
    """What an event leads to, as the table writes it: the next state, then the actions."""
    peer = Peer().after(*SITUATIONS[situation])
    before = peer.negotiation.state
    actions = peer.take(event)
    after = peer.negotiation.state
    if not actions and after is before:
        return NOTHING
    return f"{after}: {words_for(actions)}".rstrip()


def read_table() -> dict[tuple[str, str], str]:
    """The table: a block for each situation, a line for each event that has an effect, one for all that have none."""
    rows: dict[tuple[str, str], str] = {}
    situation = ""
    for line in _lines():
        if not line.startswith(" "):
            situation = line
            continue
        event, _, effect = (part.strip() for part in line.partition("->"))
        for name in [event] if effect else event.removeprefix(f"{NOTHING}:").split(","):
            assert (situation, name.strip()) not in rows, f"{situation}: {name} is there twice"
            rows[situation, name.strip()] = effect or NOTHING
    return rows


def _lines() -> Iterator[str]:
    text = Path(__file__).with_name("negotiation_table.txt").read_text()
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.rstrip()


TABLE = read_table()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_event_leads_to_what_the_table_says(situation: str) -> None:
    expected = {event: TABLE[situation, event] for event in EVENTS}
    assert {event: outcome(situation, event) for event in EVENTS} == expected


def test_the_table_has_a_row_for_every_event_in_every_situation_and_no_other() -> None:
    assert TABLE.keys() == {(situation, event) for situation in SITUATIONS for event in EVENTS}


def test_every_state_is_a_situation_in_every_role_that_can_reach_it() -> None:
    found = set()
    for situation, story in SITUATIONS.items():
        negotiation = Peer().after(*story).negotiation
        role, state = situation.split(",")[0].split()[:2]
        assert (negotiation.role, negotiation.state) == (role, state)
        found.add((role, state))
    unreachable = {("offerer", "expecting"), ("answerer", "offering"), ("answerer", "offered")}
    assert found == {(role.value, state.value) for role in Role for state in State} - unreachable


def test_every_type_of_event_timer_and_description_is_in_the_table() -> None:
    events = [Peer().event(name) for name in EVENTS]
    assert {type(event) for event in events} == set(get_args(jsep.Event))
    assert {event.timer for event in events if isinstance(event, jsep.TimerFired)} == set(Timer)
    descriptions = [event.description for event in events if isinstance(event, jsep.RemoteDescription)]
    assert {one.type for one in descriptions if isinstance(one, Description)} == {"offer", "answer"}


def test_every_action_happens_in_the_table() -> None:
    seen = {
        type(action) for story in SITUATIONS.values() for event in EVENTS for action in Peer().after(*story).take(event)
    }
    assert seen == set(get_args(jsep.Action))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_an_older_connection_tells_is_dropped(situation: str) -> None:
    for event in EVENTS:
        peer = Peer().after(*SITUATIONS[situation])
        if not hasattr(stale := peer.event(event), "generation"):
            continue
        object.__setattr__(stale, "generation", peer.negotiation.generation - 1)
        before = vars(peer.negotiation).copy()
        assert peer.negotiation.receive(stale) == []
        assert vars(peer.negotiation) == before


if __name__ == "__main__":  # print the table as the negotiation has it now
    for situation in SITUATIONS:
        print(f"\n{situation}")
        effects = {event: outcome(situation, event) for event in EVENTS}
        for event, effect in effects.items():
            if effect != NOTHING:
                print(f"    {event:<24} -> {effect}")
        if quiet := [event for event, effect in effects.items() if effect == NOTHING]:
            print(f"    {NOTHING}: {', '.join(quiet)}")
