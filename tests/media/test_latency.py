"""When pictures are held, and what a browser is asked for: at once on a good path, evenly on a rough one."""

import itertools
import random

import pytest

from peer.rtp.assembly import CodedFrame
from peer.rtp.jitterbuffer import JitterBuffer
from peer.rtp.latency import AT_ONCE, BROWSERS_CHOICE, CALM_SECONDS, HOLD, Latency, Path, PlayoutRequest


def play(latency: Latency, jitter: float, *, rough: bool) -> list[float]:
    """By how much each of 600 pictures, 30 a second, comes out after it was sent."""
    chance = random.Random(1)
    buffer = JitterBuffer(90_000, HOLD["video"][latency], rough=rough)
    delays: list[float] = []
    at = 0.0
    for index in range(600):
        sent = index / 30
        arrival = max(at, sent + chance.uniform(0, jitter))
        while (due := buffer.next_due()) is not None and due <= arrival:
            at = max(at, due + 1e-9)
            delays += [at - frame.timestamp / 90_000 for frame in buffer.due(at)]
        at = arrival
        buffer.add(CodedFrame(b"x", index * 3000), at)
        delays += [at - frame.timestamp / 90_000 for frame in buffer.due(at)]
    return delays


def unevenness(delays: list[float]) -> float:
    steady = delays[100:]
    return sum(abs(later - sooner) for sooner, later in itertools.pairwise(steady)) / len(steady)


@pytest.mark.parametrize(("latency", "rough"), [("low", True), ("low", False), ("balanced", False)])
def test_nothing_is_held(latency: str, *, rough: bool) -> None:
    delays = play(Latency(latency), 0.1, rough=rough)
    assert len(delays) == 600
    assert sum(delays) / 600 < 0.06
    assert unevenness(delays) > 0.02


@pytest.mark.parametrize("latency", ["balanced", "smooth"])
def test_jitter_is_held_out(latency: str) -> None:
    delays = play(Latency(latency), 0.1, rough=True)
    assert unevenness(delays) < 0.01
    assert 0.08 < max(delays[100:]) < 0.13


def test_smooth_holds_on_a_good_path_too() -> None:
    assert min(play(Latency.SMOOTH, 0.001, rough=False)[100:]) >= 0.08


def test_a_path_is_rough_while_it_jitters_or_loses_and_some_time_after() -> None:
    path, now = Path(), 0.0
    for index in range(300):
        now = index / 30
        path.add(int(now * (1 << 18)) & 0xFFFFFF, now + 0.03)
    assert not path.is_rough(now)
    path.add_loss(0.05, now)
    assert path.is_rough(now + CALM_SECONDS - 0.1)
    assert not path.is_rough(now + CALM_SECONDS + 0.1)
    chance = random.Random(1)
    for index in range(300, 600):
        now = index / 30
        path.add(int(now * (1 << 18)) & 0xFFFFFF, now + chance.uniform(0.03, 0.09))
    assert path.is_rough(now)


def test_a_browser_is_asked_for_no_delay_until_the_path_is_rough() -> None:
    low, balanced, smooth = (PlayoutRequest(latency) for latency in Latency)
    assert (low.bounds, balanced.bounds) == (AT_ONCE, AT_ONCE)
    balanced.on_report(0.05, 0.0, 0.5)
    assert balanced.bounds == AT_ONCE
    for request in (low, balanced, smooth):
        request.on_report(0.05, 0.0, 1.0)
    assert (low.bounds, balanced.bounds, smooth.bounds) == (AT_ONCE, BROWSERS_CHOICE, (10, 4095))
    balanced.on_report(0.001, 0.0, 2.0)
    assert balanced.bounds == BROWSERS_CHOICE
    balanced.on_report(0.001, 0.0, 2.0 + CALM_SECONDS)
    assert balanced.bounds == AT_ONCE
