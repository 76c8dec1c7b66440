"""The driver's queue: bounded, in order, and without what later events made void."""

import pytest

from peer.sdp.description import Candidate
from peer.session import jsep
from peer.session.inbox import CONNECTION_BURST, CONNECTION_RATE, MAX_BYTES, MAX_EVENTS, Inbox
from signaling.messages import Role
from tests.peer.descriptions import description, host_candidate

READY, LEFT = jsep.PartnerReady(), jsep.PartnerLeft()
ADMITTED, LOST = jsep.Admitted(Role.OFFERER), jsep.SignalingLost()


def offer(name: str) -> jsep.RemoteDescription:
    return jsep.RemoteDescription(description("offer", name))


def answer(name: str) -> jsep.RemoteDescription:
    return jsep.RemoteDescription(description("answer", name))


def candidate(number: int) -> jsep.RemoteCandidate:
    return jsep.RemoteCandidate(host_candidate(number))


A, B, ANSWER = offer("aaaa"), offer("bbbb"), answer("cccc")
ONE, TWO, THREE = candidate(1), candidate(2), candidate(3)


def taken(inbox: Inbox, now: float = 100.0) -> list[jsep.Event | BaseException]:
    found = []
    while (event := inbox.take(now)) is not None:
        found.append(event)
    return found


@pytest.mark.parametrize(
    ("put", "left"),
    [
        ([ADMITTED, READY, ONE, A, TWO], [ADMITTED, READY, ONE, A, TWO]),
        ([A, ONE, B, TWO, THREE], [B, TWO, THREE]),  # candidates of the offer that holds stay
        ([ONE, A, TWO, B], [ONE, B]),
        ([A, READY, B], [A, READY, B]),
        ([A, ANSWER, B], [A, ANSWER, B]),
        ([ANSWER, ONE, answer("dddd")], [ANSWER, ONE, answer("dddd")]),
        ([READY, A, ONE, LEFT], [LEFT]),
        ([READY, LEFT, READY, LEFT, READY, B], [LEFT, READY, B]),
        ([READY, READY, A], [READY, A]),
        ([ADMITTED, READY, A, LOST, ADMITTED, LEFT], [ADMITTED, READY, A, LOST, ADMITTED, LEFT]),
    ],
)
def test_what_is_void_is_dropped_and_the_rest_keeps_its_order(put: list[jsep.Event], left: list[jsep.Event]) -> None:
    inbox = Inbox()
    for event in put:
        inbox.put_relayed(event)
    assert taken(inbox) == left


def test_it_is_full_by_number_and_by_size_and_then_has_room_again() -> None:
    long = jsep.RemoteDescription(description("answer", "cccc", hosts=1000))
    for event, count in ((ONE, MAX_EVENTS), (long, MAX_BYTES // len(long.description.sdp) + 1)):
        inbox = Inbox()
        for _ in range(count):
            assert not inbox.is_full
            inbox.put_relayed(event)
        assert inbox.is_full
        assert inbox.take(0.0) == event
        assert not inbox.is_full
        assert len(taken(inbox)) == count - 1


def test_offers_and_partners_without_end_never_fill_it() -> None:
    inbox = Inbox()
    for number in range(2000):
        for event in (READY, offer(f"offer{number}"), ONE, TWO, *([LEFT] if number % 3 else [])):
            inbox.put_relayed(event)
            inbox.put_relayed(offer(f"again{number}"))
        assert not inbox.is_full or number % 3 == 0
    inbox.put_relayed(LEFT)
    assert taken(inbox)[-1] == LEFT


def test_ones_own_news_come_first_and_never_wait() -> None:
    inbox = Inbox()
    inbox.put_relayed(READY)
    for _ in range(100):
        inbox.connection_opened(100.0)
    fired = jsep.TimerFired(jsep.Timer.CONNECT)
    assert inbox.take(100.0) is None
    inbox.put(fired)
    assert inbox.wait(100.0) == 0
    assert inbox.take(100.0) == fired
    assert inbox.take(100.0) is None


def test_the_relay_waits_while_it_makes_too_many_connections() -> None:
    inbox, now, opened = Inbox(), 100.0, 0
    while now < 110.0:
        inbox.put_relayed(jsep.RemoteCandidate(Candidate("")))
        if inbox.take(now) is None:
            wait = inbox.wait(now)
            assert wait is not None
            assert 0 < wait <= 2 / CONNECTION_RATE
            now += wait
        else:
            inbox.connection_opened(now)
            opened += 1
    assert opened <= CONNECTION_BURST + 10 * CONNECTION_RATE + 1
    assert opened >= 10 * CONNECTION_RATE


def test_nothing_waits_in_an_empty_one() -> None:
    assert Inbox().wait(5.0) is None
    assert Inbox().take(5.0) is None
