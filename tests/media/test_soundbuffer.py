"""Sound in order and in time: jitter is held out, what is lost is stood in for, what is late is dropped."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.assembly import CodedFrame, MediaPacket
from peer.rtp.latency import HOLD, Latency
from peer.rtp.opus import lost_packet
from peer.rtp.soundbuffer import PATIENCE_SECONDS, SoundBuffer


def sound(latency: Latency = Latency.BALANCED) -> SoundBuffer:
    return SoundBuffer(48_000, HOLD["audio"][latency], lost_packet)


def packet(index: int) -> MediaPacket:
    return MediaPacket(65530 + index & 0xFFFF, 0xFFFFF000 + index * 960 & 0xFFFFFFFF, False, b"\x7f%d" % index)


def play(buffer: SoundBuffer, arrivals: list[tuple[float, int]], end: float) -> list[tuple[float, CodedFrame]]:
    """What comes out, and when, of a buffer that is asked when it wants to be."""
    out: list[tuple[float, CodedFrame]] = []
    waiting = sorted(arrivals)
    now = 0.0
    while now < end:
        due = buffer.next_due()
        arrival = waiting[0][0] if waiting else end
        if due is not None and due < arrival:
            now = max(due + 1e-9, now)
        else:
            now = arrival
            if waiting:
                buffer.add(packet(waiting.pop(0)[1]), now)
        out += [(now, frame) for frame in buffer.due(now)]
    return out


def test_on_a_good_network_nothing_is_held() -> None:
    out = play(sound(), [(index * 0.02, index) for index in range(100)], 3.0)
    assert len(out) == 100
    assert all(abs(at - index * 0.02) < 1e-6 for index, (at, _) in enumerate(out))


def test_one_that_overtakes_another_waits_for_it() -> None:
    out = play(sound(), [(0.0, 0), (0.04, 2), (0.05, 1), (0.06, 3)], 1.0)
    assert [frame.data for _, frame in out] == [b"\x7f0", b"\x7f1", b"\x7f2", b"\x7f3"]


def test_a_lost_one_is_stood_in_for_and_a_late_one_dropped() -> None:
    buffer = sound()
    out = play(buffer, [(0.0, 0), (0.02, 1), (0.06, 3), (0.3, 2), (0.32, 4)], 1.0)
    assert [frame.data for _, frame in out] == [b"\x7f0", b"\x7f1", b"\x7c", b"\x7f3", b"\x7f4"]
    assert [frame.timestamp for _, frame in out] == [0xFFFFF000 + index * 960 & 0xFFFFFFFF for index in range(5)]
    assert out[3][0] < 0.06 + PATIENCE_SECONDS + 0.01
    assert (buffer.late, buffer.concealed) == (1, 1)


def test_jitter_is_held_out_and_the_hold_goes_down_again() -> None:
    chance = random.Random(1)
    rough = [(index * 0.02 + chance.uniform(0, 0.08), index) for index in range(500)]
    calm = [(index * 0.02, index) for index in range(500, 1200)]
    buffer = sound()
    out = play(buffer, [*rough, *calm], 25.0)
    late = [at - index * 0.02 for index, (at, _) in enumerate(out)]
    assert buffer.late + buffer.concealed < 20
    assert 0.06 < max(late[200:500]) < 0.2
    uneven = [later - sooner for sooner, later in itertools.pairwise(late[200:480])]
    assert sum(abs(step) < 0.005 for step in uneven) > 0.85 * len(uneven)
    assert late[-1] < 0.01


def test_a_long_pause_stays_one() -> None:
    buffer = sound()
    out = play(buffer, [(0.0, 0), (0.02, 1), (2.02, 101)], 3.0)
    assert len(out) == 3


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=3)), max_size=300))
def test_nothing_that_comes_makes_it_grow(packets: list[tuple[int, int, bytes]]) -> None:
    buffer = sound()
    for index, (number, timestamp, data) in enumerate(packets):
        buffer.add(MediaPacket(number, timestamp, False, data), index * 0.02)
        assert len(buffer.due(index * 0.02)) <= 128 * 200
    while (due := buffer.next_due()) is not None:
        buffer.due(due + 1e-6)
