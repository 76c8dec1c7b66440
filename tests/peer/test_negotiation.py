"""What the negotiation is for, one story at a time. The table has every event; here are the ones that go together."""

import pytest

from peer.sdp.description import END_OF_CANDIDATES, MAX_CANDIDATES, Candidate, Description, take_candidates
from peer.session import jsep
from peer.session.jsep import State, Timer
from peer.session.negotiation import (
    FAILURES_BEFORE_REST,
    OFFER_REPEAT_SECONDS,
    REJOIN_SECONDS,
    RETRY_SECONDS,
    Negotiation,
)
from signaling.messages import Role
from tests.peer.descriptions import description, host_candidate


class Told:
    """A negotiation with the actions that it has asked for."""

    def __init__(self, role: Role) -> None:
        self.negotiation = Negotiation()
        self.actions: list[jsep.Action] = []
        self.take(jsep.Admitted(role))

    def take(self, *events: jsep.Event) -> list[jsep.Action]:
        """Feed events; the actions that they lead to are also kept."""
        new = [action for event in events for action in self.negotiation.receive(event)]
        self.actions += new
        return new

    @property
    def state(self) -> State:
        return self.negotiation.state

    @property
    def generation(self) -> int:
        return self.negotiation.generation

    def made(self, described: Description) -> list[jsep.Action]:
        return self.take(jsep.LocalDescription(self.generation, described))

    def lost(self, reason: str = "gone") -> list[jsep.Action]:
        return self.take(jsep.ConnectionLost(self.generation, reason))


def offering(ufrag: str = "mmmm", mids: tuple[str, str] = ("0-a", "1-a")) -> Told:
    """An offerer whose partner has come."""
    told = Told(Role.OFFERER)
    told.take(jsep.PartnerReady())
    told.made(description("offer", ufrag, mids))
    return told


def answering(offer: Description | None = None) -> Told:
    """An answerer who has an offer."""
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady(), jsep.RemoteDescription(offer or description("offer", "zzzz")))
    return told


def of_type(actions: list[jsep.Action], kind: type[jsep.Action]) -> list[jsep.Action]:
    return [action for action in actions if isinstance(action, kind)]


def sent(actions: list[jsep.Action]) -> list[Description]:
    return [action.description for action in actions if isinstance(action, jsep.SendDescription)]


def added(actions: list[jsep.Action]) -> list[Candidate]:
    return [action.candidate for action in actions if isinstance(action, jsep.AddCandidate)]


def delay(actions: list[jsep.Action], timer: Timer) -> float | None:
    (start,) = [action for action in actions if isinstance(action, jsep.StartTimer) and action.timer is timer]
    return start.seconds


# ---- candidates


def test_early_candidates_are_kept_and_added_in_their_order_after_the_offer() -> None:
    early = [host_candidate(number, "zzzz") for number in range(5)]
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady())
    assert told.take(*map(jsep.RemoteCandidate, early)) == []
    actions = told.take(jsep.RemoteDescription(description("offer", "zzzz")))
    assert isinstance(actions[-6], jsep.ApplyOffer)
    assert added(actions[-5:]) == early


def test_early_candidates_are_kept_and_added_in_their_order_after_the_answer() -> None:
    early = [host_candidate(number, "zzzz") for number in range(3)] + [Candidate("", ufrag="zzzz")]
    told = offering()
    assert told.take(*map(jsep.RemoteCandidate, early)) == []
    actions = told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a"))))
    assert added(actions) == early
    assert isinstance(actions[1], jsep.ApplyAnswer)


def test_candidates_of_another_connection_are_left_out() -> None:
    told = answering()
    told.take(jsep.RemoteCandidate(host_candidate(1, "old1")))
    assert added(told.actions) == []
    told.take(jsep.RemoteCandidate(host_candidate(2, "zzzz")), jsep.RemoteCandidate(host_candidate(3)))
    assert [candidate.ufrag for candidate in added(told.actions)] == ["zzzz", None]


def test_early_candidates_of_another_connection_are_left_out_too() -> None:
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady())
    told.take(jsep.RemoteCandidate(host_candidate(1, "old1")), jsep.RemoteCandidate(host_candidate(2, "zzzz")))
    assert [c.ufrag for c in added(told.take(jsep.RemoteDescription(description("offer", "zzzz"))))] == ["zzzz"]


def test_an_early_end_of_candidates_that_names_no_connection_may_be_the_last_ones() -> None:
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady(), jsep.RemoteCandidate(END_OF_CANDIDATES))
    assert added(told.take(jsep.RemoteDescription(description("offer", "zzzz")))) == []
    assert added(told.take(jsep.RemoteCandidate(END_OF_CANDIDATES))) == [END_OF_CANDIDATES]


def test_a_partner_has_only_so_many_candidates() -> None:
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady())
    told.take(*(jsep.RemoteCandidate(host_candidate(number, "zzzz")) for number in range(10_000)))
    told.take(jsep.RemoteDescription(description("offer", "zzzz")))
    told.take(*(jsep.RemoteCandidate(host_candidate(number, "zzzz")) for number in range(10_000)))
    told.take(jsep.RemoteCandidate(END_OF_CANDIDATES))
    assert len(added(told.actions)) == MAX_CANDIDATES + 1
    assert added(told.actions)[-1] == END_OF_CANDIDATES


def test_the_next_partner_has_as_many_candidates_again() -> None:
    told = answering()
    told.take(*(jsep.RemoteCandidate(host_candidate(number)) for number in range(MAX_CANDIDATES + 5)))
    told.take(jsep.PartnerLeft(), jsep.PartnerReady(), jsep.RemoteDescription(description("offer", "yyyy")))
    assert len(added(told.take(jsep.RemoteCandidate(host_candidate(1))))) == 1


def test_candidates_of_the_partner_who_left_are_forgotten() -> None:
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady(), jsep.RemoteCandidate(host_candidate(1)))
    told.take(jsep.PartnerLeft(), jsep.PartnerReady())
    assert added(told.take(jsep.RemoteDescription(description("offer", "zzzz")))) == []


def test_our_candidates_that_come_after_the_description_are_sent_each() -> None:
    told = offering()
    first, second = host_candidate(1, "mmmm"), host_candidate(2, "mmmm")
    (action,) = told.take(jsep.LocalCandidate(told.generation, first))
    assert isinstance(action, jsep.SendCandidate)
    assert action.candidate == Candidate(first.line, "0-a", 0, "mmmm")
    told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a"))))
    end = Candidate("", ufrag="mmmm")
    actions = told.take(jsep.LocalCandidate(told.generation, second), jsep.LocalCandidate(told.generation, end))
    assert [type(action) for action in actions] == [jsep.SendCandidate, jsep.SendCandidate]


def test_our_candidates_that_come_before_are_in_the_description() -> None:
    told = Told(Role.OFFERER)
    lines = [host_candidate(number).line for number in range(3)]
    told.take(*(jsep.LocalCandidate(told.generation, Candidate(line)) for line in lines))
    told.made(description("offer", "mmmm"))
    told.take(jsep.LocalCandidate(told.generation, END_OF_CANDIDATES))
    assert told.state is State.WAITING
    (offer,) = sent(told.take(jsep.PartnerReady()))
    _, candidates = take_candidates(offer)
    assert [candidate.line for candidate in candidates] == [*lines, ""]


# ---- repetition


def test_an_offer_is_repeated_at_growing_intervals_with_all_candidates_in_it() -> None:
    told = offering()
    assert delay(told.actions, Timer.REPEAT) == OFFER_REPEAT_SECONDS[0] == 3
    delays = []
    for number in range(6):
        told.take(jsep.LocalCandidate(told.generation, host_candidate(number)))
        actions = told.take(jsep.TimerFired(Timer.REPEAT))
        (offer,) = sent(actions)
        assert offer.identity == sent(told.actions)[0].identity
        assert len(take_candidates(offer)[1]) == number + 1
        delays.append(delay(actions, Timer.REPEAT))
    assert delays == [4.5, 6.5, 10, 10, 10, 10]
    assert len(of_type(told.actions, jsep.OpenConnection)) == 1


def test_a_repeated_offer_gets_the_same_answer_again_and_nothing_else() -> None:
    offer = description("offer", "zzzz")
    told = answering(offer)
    assert told.take(jsep.RemoteDescription(offer)) == []  # the answer is being made
    (answer,) = sent(told.made(description("answer", "mmmm")))
    for _ in range(3):  # now with more candidates
        again = description("offer", "zzzz", hosts=4)
        assert told.take(jsep.RemoteDescription(again)) == [jsep.SendDescription(answer)]
    told.take(jsep.ConnectionUp(told.generation))
    assert told.take(jsep.RemoteDescription(offer)) == [jsep.SendDescription(answer)]
    assert told.state is State.CONNECTED


def test_a_repeated_answer_is_ignored() -> None:
    told = offering()
    answer = jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a")))
    assert len(of_type(told.take(answer), jsep.ApplyAnswer)) == 1
    assert told.take(answer) == []
    told.take(jsep.ConnectionUp(told.generation))
    assert told.take(answer) == []


def test_an_answer_to_an_offer_that_is_gone_is_ignored() -> None:
    told = offering(mids=("0-a", "1-a"))
    told.lost()
    told.made(description("offer", "nnnn", ("0-b", "1-b")))
    assert told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a")))) == []
    assert told.state is State.OFFERED
    assert of_type(told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-b", "1-b")))), jsep.ApplyAnswer)


def test_an_offer_that_a_later_one_replaced_is_ignored() -> None:
    first, second = description("offer", "yyyy"), description("offer", "xxxx")
    told = answering(first)
    told.take(jsep.RemoteDescription(second))
    told.made(description("answer", "mmmm"))
    told.take(jsep.ConnectionUp(told.generation))
    assert told.take(jsep.RemoteDescription(first)) == []
    assert told.state is State.CONNECTED


def test_a_new_offer_in_a_call_is_answered_on_a_new_connection() -> None:
    told = answering()
    told.made(description("answer", "mmmm"))
    told.take(jsep.ConnectionUp(told.generation))
    actions = told.take(jsep.RemoteDescription(description("offer", "yyyy")))
    assert [type(action) for action in actions[-3:]] == [jsep.CloseConnection, jsep.OpenConnection, jsep.ApplyOffer]
    assert actions[-1].generation == told.generation == 2


# ---- both sides offer


def test_of_two_of_ours_that_both_offer_exactly_one_yields() -> None:
    mine, theirs = description("offer", "aaaa", ("0-a", "1-a")), description("offer", "bbbb", ("0-b", "1-b"))
    for first, second in ((mine, theirs), (theirs, mine)):
        one, other = offering(), offering()
        one.negotiation._local, other.negotiation._local = first, second
        one.take(jsep.RemoteDescription(second))
        other.take(jsep.RemoteDescription(first))
        assert {one.state, other.state} == {State.ANSWERING, State.OFFERED}


def test_a_partner_that_knows_no_roles_gets_its_way_by_repeating_its_offer() -> None:
    told = offering("mmmm")
    offer = jsep.RemoteDescription(description("offer", "aaaa"))
    assert told.take(offer) == []
    assert told.state is State.OFFERED
    assert of_type(told.take(offer), jsep.ApplyOffer)
    assert told.state is State.ANSWERING


def test_a_partner_that_offers_once_and_answers_nothing_gets_its_way_in_the_end() -> None:
    told = offering("mmmm")
    told.take(jsep.RemoteDescription(description("offer", "aaaa")))
    assert sent(told.take(jsep.TimerFired(Timer.REPEAT)))
    assert of_type(told.take(jsep.TimerFired(Timer.REPEAT)), jsep.ApplyOffer)


def test_the_collided_offer_of_a_partner_that_then_answered_ours_is_an_echo() -> None:
    told = offering("mmmm")
    offer = jsep.RemoteDescription(description("offer", "aaaa"))
    told.take(offer, jsep.RemoteDescription(description("answer", "bbbb", ("0-a", "1-a"))))
    told.take(jsep.ConnectionUp(told.generation))
    assert told.take(offer) == []
    assert told.state is State.CONNECTED


def test_an_offer_while_nobody_is_there_is_a_leftover_to_an_offerer() -> None:
    told = Told(Role.OFFERER)
    assert told.take(jsep.RemoteDescription(description("offer", "zzzz"))) == []
    assert told.state is State.WAITING


# ---- the room


def test_ready_twice_offers_anew_on_another_connection() -> None:
    told = offering()
    told.take(jsep.PartnerReady())
    told.made(description("offer", "nnnn", ("0-b", "1-b")))
    assert [offer.ufrags for offer in sent(told.actions)] == [{"mmmm"}, {"nnnn"}]
    assert told.generation == 2


def test_ready_twice_before_anything_was_sent_changes_nothing() -> None:
    told = Told(Role.OFFERER)
    told.take(jsep.PartnerReady(), jsep.PartnerReady())
    assert told.generation == 1
    told.made(description("offer", "mmmm"))
    assert len(sent(told.actions)) == 1


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("steps", range(5))
def test_a_partner_that_leaves_at_any_moment_leaves_a_fresh_connection_for_the_next(role: Role, steps: int) -> None:
    told = Told(role)
    theirs = "answer" if role is Role.OFFERER else "offer"
    ours = "offer" if role is Role.OFFERER else "answer"
    story = [
        [jsep.PartnerReady()],
        [jsep.LocalDescription(1, description("offer", "mmmm"))] if role is Role.OFFERER else [],
        [jsep.RemoteDescription(description(theirs, "zzzz"))],  # type: ignore[arg-type]
        [jsep.LocalDescription(1, description(ours, "mmmm"))] if role is Role.ANSWERER else [],
        [jsep.ConnectionUp(1)],
    ]
    used = steps >= (1 if role is Role.OFFERER else 2)
    for events in story[: steps + 1]:
        told.take(*events)  # type: ignore[arg-type]
    told.take(jsep.PartnerLeft())
    assert told.state is State.WAITING
    assert told.generation == (2 if used else 1)
    assert len(of_type(told.actions, jsep.CloseConnection)) == told.generation - 1
    sent_before = len(sent(told.actions))
    told.take(jsep.PartnerReady())
    if role is Role.OFFERER:
        told.made(description("offer", "nnnn", ("0-b", "1-b")))
        assert len(sent(told.actions)) == sent_before + 1
    assert told.state is (State.OFFERED if role is Role.OFFERER else State.EXPECTING)


def test_a_call_goes_on_while_the_relay_is_away_and_after_it_is_back() -> None:
    told = offering()
    told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a"))), jsep.ConnectionUp(1))
    back = [jsep.SignalingLost(), jsep.Admitted(Role.OFFERER), jsep.PartnerReady()]
    assert told.take(*back, *back) == []
    assert told.state is State.CONNECTED
    assert of_type(told.take(jsep.PartnerReady()), jsep.OpenConnection)  # this one is news: somebody came anew


def test_a_partner_that_came_while_we_had_lost_our_socket_gets_a_new_call() -> None:
    told = offering()
    told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a"))), jsep.ConnectionUp(1))
    told.take(jsep.SignalingLost(), jsep.Admitted(Role.OFFERER, resumed=True), jsep.PartnerReady())
    assert told.state is State.OFFERING


def test_a_call_that_fails_while_the_relay_is_away_waits_for_it() -> None:
    told = answering()
    told.made(description("answer", "mmmm"))
    told.take(jsep.ConnectionUp(1), jsep.SignalingLost())
    assert jsep.ReportFailure("gone") in told.lost()
    assert told.state is State.JOINING
    assert told.generation == 2  # gathering begins now, not when the relay is back
    told.take(jsep.Admitted(Role.ANSWERER), jsep.PartnerReady())
    assert told.state is State.EXPECTING


def test_an_offer_that_may_be_lost_with_the_socket_is_made_anew_in_a_place_that_is_resumed() -> None:
    told = offering()
    told.take(jsep.SignalingLost(), jsep.Admitted(Role.OFFERER, resumed=True))
    assert told.state is State.OFFERING
    assert sent(told.made(description("offer", "nnnn", ("0-b", "1-b"))))


def test_in_a_new_place_nobody_is_there_until_the_relay_says_so() -> None:
    told = offering()
    told.take(jsep.SignalingLost(), jsep.Admitted(Role.OFFERER))
    assert told.state is State.WAITING


def test_a_rejoin_that_was_lost_with_the_socket_is_asked_for_again() -> None:
    told = answering()
    told.lost()
    assert of_type(told.take(jsep.TimerFired(Timer.RETRY)), jsep.Rejoin)
    assert told.take(jsep.SignalingLost(), jsep.Admitted(Role.ANSWERER, resumed=True))[-1] == jsep.Rejoin()
    told.take(jsep.Admitted(Role.ANSWERER), jsep.PartnerReady())
    assert told.state is State.EXPECTING


def test_the_relay_gives_the_other_role() -> None:
    told = Told(Role.OFFERER)
    told.take(jsep.Admitted(Role.ANSWERER), jsep.PartnerReady())
    assert told.state is State.EXPECTING
    assert told.negotiation.role is Role.ANSWERER
    assert len(of_type(told.actions, jsep.MakeOffer)) == 1  # the first connection's; the second can answer


# ---- failure


def test_an_offerer_rests_longer_after_each_failure_and_afresh_with_the_next_partner() -> None:
    told = offering()
    rests = []
    for _ in range(7):
        actions = told.lost("no way")
        assert jsep.ReportFailure("no way") in actions
        if of_type(actions, jsep.OpenConnection):
            rests.append(0.0)
        else:
            rests.append(delay(actions, Timer.RETRY) or 0.0)
            assert of_type(told.take(jsep.TimerFired(Timer.RETRY)), jsep.OpenConnection)
        told.made(description("offer", "mmmm"))
    assert rests == [*RETRY_SECONDS, RETRY_SECONDS[-1], RETRY_SECONDS[-1]]
    told.take(jsep.PartnerLeft(), jsep.PartnerReady())
    assert of_type(told.lost(), jsep.OpenConnection)


def test_a_connection_fails_only_once() -> None:
    told = offering()
    told.lost()
    told.made(description("offer", "nnnn", ("0-b", "1-b")))
    assert delay(told.lost(), Timer.RETRY) == 1
    assert told.lost() == []
    assert told.take(jsep.DescriptionRejected(told.generation, "too")) == []
    assert told.made(description("offer", "nnnn", ("0-b", "1-b"))) == []


def test_an_answerer_that_gets_no_new_offer_takes_its_place_anew() -> None:
    told = answering()
    actions = told.lost()
    assert told.state is State.EXPECTING
    assert delay(actions, Timer.RETRY) == REJOIN_SECONDS
    assert of_type(told.take(jsep.TimerFired(Timer.RETRY)), jsep.Rejoin)
    assert told.state is State.JOINING


def test_of_many_broken_offers_only_a_few_are_tried_at_once() -> None:
    told = Told(Role.ANSWERER)
    told.take(jsep.PartnerReady())
    for number in range(50):
        told.take(jsep.RemoteDescription(description("offer", f"bad{number:02d}")))
        told.take(jsep.DescriptionRejected(told.generation, "broken"))
    assert len(of_type(told.actions, jsep.ApplyOffer)) == FAILURES_BEFORE_REST
    actions = told.take(jsep.TimerFired(Timer.RETRY))
    (apply,) = of_type(actions, jsep.ApplyOffer)
    assert isinstance(apply, jsep.ApplyOffer)
    assert apply.description.ufrags == {"bad49"}


def test_an_offerer_too_does_not_try_every_broken_offer_at_once() -> None:
    told = offering("aaaa")
    for number in range(50):
        told.take(jsep.RemoteDescription(description("offer", f"bad{number:02d}")))
        told.take(jsep.DescriptionRejected(told.generation, "broken"))
    assert len(of_type(told.actions, jsep.ApplyOffer)) <= FAILURES_BEFORE_REST


@pytest.mark.parametrize("role", Role)
def test_a_machine_that_can_gather_nothing_tries_again_by_the_clock_only(role: Role) -> None:
    told = Told(role)
    told.take(jsep.PartnerReady())
    for _ in range(20):
        told.take(jsep.DescriptionRejected(told.generation, "no network address to offer"))
    assert told.generation <= 3


def test_a_good_call_forgets_the_failures_before_it() -> None:
    told = answering()
    for number in range(FAILURES_BEFORE_REST - 1):
        told.take(jsep.DescriptionRejected(told.generation, "broken"))
        told.take(jsep.RemoteDescription(description("offer", f"good{number}")))
    told.made(description("answer", "mmmm"))
    told.take(jsep.ConnectionUp(told.generation))
    told.lost()
    assert of_type(told.take(jsep.RemoteDescription(description("offer", "next"))), jsep.ApplyOffer)


# ---- the network


@pytest.mark.parametrize("role", Role)
def test_what_was_gathered_on_addresses_that_are_gone_is_never_offered(role: Role) -> None:
    for before in ([], [jsep.SignalingLost()]):
        told = Told(role)
        told.take(*before, jsep.NetworkChanged())  # type: ignore[misc]
        told.take(jsep.Admitted(role), jsep.PartnerReady())
        assert told.generation == 2


def test_a_call_on_an_address_that_is_gone_is_made_anew() -> None:
    told = offering()
    told.take(jsep.RemoteDescription(description("answer", "zzzz", ("0-a", "1-a"))), jsep.ConnectionUp(1))
    assert told.take(jsep.NetworkChanged(cut=False)) == []
    assert of_type(told.take(jsep.NetworkChanged(cut=True)), jsep.MakeOffer)


def test_nothing_happens_once_it_is_closed() -> None:
    told = offering()
    assert told.take(jsep.Closed())[-1] == jsep.CloseConnection(1)
    assert told.take(jsep.PartnerReady(), jsep.Closed(), jsep.Admitted(Role.ANSWERER)) == []
    assert told.state is State.CLOSED
