"""Whatever happens to the messages of two negotiations, they find each other once it stops happening."""

import os
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.messages import Forward
from tests.peer.negotiation_world import Side, World

MOST_TIMERS = 25
"""Repetitions, rests and time-outs that may pass between the last fault and the call."""

# The gate tries the same worlds every time; whoever looks for new trouble sets PEER_FUZZ to a number of worlds.
EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))
thorough = settings(max_examples=EXAMPLES or 800, derandomize=not EXAMPLES, deadline=None, report_multiple_bugs=False)


def deliver(side: Side, number: int) -> None:
    if side.socket is not None and side.socket.to_client:
        side.take()


def relay(side: Side, number: int) -> None:
    if side.socket is not None and side.socket.to_relay:
        side.world.relay.take(side.socket)


def job(side: Side, number: int) -> None:
    if side.jobs:
        side.jobs.pop(number % len(side.jobs))()


def up(side: Side, number: int) -> None:
    if side.can_come_up:
        side.come_up()


def run(side: Side, number: int) -> None:
    side.world.run()


def connect(side: Side, number: int) -> None:
    if side.socket is None:
        side.connect()


def lose_message(side: Side, number: int) -> None:
    """What people send each other may be lost: to a page that is not ready, at a relay's limits."""
    if side.socket is not None and side.socket.to_client and isinstance(side.socket.to_client[0], Forward):
        side.socket.to_client.popleft()


def duplicate(side: Side, number: int) -> None:
    if side.socket is not None and side.socket.to_client and isinstance(side.socket.to_client[0], Forward):
        side.socket.to_client.appendleft(side.socket.to_client[0])


def duplicate_word(side: Side, number: int) -> None:
    """The relay says the same twice, be it `ready`."""
    if side.socket is not None and side.socket.to_client:
        side.socket.to_client.appendleft(side.socket.to_client[0])


def replay(side: Side, number: int) -> None:
    """Something that was said before is said again, however stale."""
    if side.socket is not None and side.heard:
        side.socket.to_client.insert(number % (len(side.socket.to_client) + 1), side.heard[number % len(side.heard)])


def break_socket(side: Side, number: int) -> None:
    if side.socket is not None:
        side.socket.break_()


def break_socket_of_a_member(side: Side, number: int) -> None:
    """Whose secret is known to resume by: else its own ghost waits in the room, and passes for a partner."""
    if side.admitted:
        break_socket(side, number)


def client_notices(side: Side, number: int) -> None:
    if side.socket is not None and side.socket.broken:
        side.notice_loss()


def relay_notices(side: Side, number: int) -> None:
    sockets = side.world.relay.sockets.values()
    gone = [s for s in sockets if s.side is side and (s.broken or side.socket is not s)]
    if gone:
        side.world.relay.notice_loss(gone[0])


def restart_relay(side: Side, number: int) -> None:
    side.world.relay.restart()


def restart_process(side: Side, number: int) -> None:
    """As a reloaded tab, or a killed peer: the partner's connection just falls silent."""
    if side.socket is not None:
        side.socket.break_()
    side.restart()


def break_connection(side: Side, number: int) -> None:
    if side.end is not None and side.end.told_up and not side.end.told_lost:
        side.lose("silence")


def reject(side: Side, number: int) -> None:
    """aiortc can't use a description, in place of some job's success."""
    if side.jobs and side.end is not None and side.end.open:
        side.jobs.pop(number % len(side.jobs))
        side.reject()


def orphan(side: Side, number: int) -> None:
    if side.is_orphaned:
        side.lose("the partner closed the connection")


def timer(side: Side, number: int) -> None:
    if side.timers:
        side.fire(min(side.timers, key=lambda timer: side.timers[timer]))


def network(side: Side, number: int) -> None:
    side.change_network(cut=bool(number % 2))


PROGRESS = [deliver, relay, job, up, connect, run]
SIGNALING_FAULTS = [lose_message, duplicate, replay, break_socket_of_a_member, client_notices, restart_relay]
OTHER_FAULTS = [
    duplicate_word,
    break_socket,
    relay_notices,
    restart_process,
    break_connection,
    reject,
    orphan,
    timer,
    network,
]

Step = tuple[Callable[[Side, int], None], int, int]


def steps(kinds: list[Callable[[Side, int], None]]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 1), st.integers(0, 5)), max_size=60)


def play(world: World, story: list[Step]) -> None:
    for step, side, number in story:
        step(world.sides[side], number)


@thorough
@given(steps(PROGRESS * 2 + SIGNALING_FAULTS + OTHER_FAULTS), st.booleans(), st.booleans())
def test_after_any_faults_both_are_in_a_call_with_each_other(
    story: list[Step], foreign_relay: bool, same_roles: bool
) -> None:
    world = World(foreign_relay=foreign_relay, same_roles=same_roles)
    play(world, story)
    world.settle(MOST_TIMERS)


@thorough
@given(
    steps(PROGRESS + OTHER_FAULTS),
    steps([deliver, relay, job, connect] * 2 + SIGNALING_FAULTS),
    st.booleans(),
)
def test_a_call_does_not_suffer_from_what_happens_to_signaling(
    before: list[Step], story: list[Step], same_roles: bool
) -> None:
    world = World(same_roles=same_roles)
    play(world, before)
    world.settle(MOST_TIMERS)
    ends = [side.end for side in world.sides]
    play(world, story)
    world.settle(0)
    assert [side.end for side in world.sides] == ends
