"""What a browser is allowed: plenty at first, then less and less, and never much less at once."""

import itertools

import pytest

from peer.rtp.allowance import AT_FIRST, LEAST, START_SECONDS, STEP_SECONDS, Allowance

BEGUN_AT = 50.0


def told(enough: int, every: float, seconds: float = 20.0) -> list[tuple[float, int]]:
    """When and what a partner is told that is asked for this much so often, from the end of its first seconds on."""
    allowance = Allowance(BEGUN_AT)
    times = [BEGUN_AT + START_SECONDS + every * count for count in range(1, int(seconds / every))]
    return [(now, rate) for now in times if (rate := allowance.towards(enough, now)) is not None]


def test_nothing_is_told_in_the_first_seconds() -> None:
    allowance = Allowance(BEGUN_AT)
    told = [allowance.towards(2_500_000, BEGUN_AT + second) for second in range(int(START_SECONDS) + 1)]
    assert set(told) == {None}


@pytest.mark.parametrize("every", [0.01, STEP_SECONDS, 1.4], ids=str)
@pytest.mark.parametrize("enough", [100_000, 2_500_000, 4_600_000])
def test_it_comes_down_in_small_steps_and_arrives(enough: int, every: float) -> None:
    rates = told(enough, every, seconds=50)
    assert rates[-1][1] == max(enough, LEAST)
    for (now, rate), (later, next_rate) in itertools.pairwise([(BEGUN_AT, AT_FIRST), *rates]):
        assert 0.96 * rate <= next_rate <= rate, f"{rate} at {now}, {next_rate} at {later}"
    for now, rate in rates:
        within = [other for later, other in rates if now <= later < now + 0.99]
        assert min(within) > 0.87 * rate


def test_it_says_when_it_is_falling() -> None:
    allowance = Allowance(BEGUN_AT)
    now, falling = BEGUN_AT + START_SECONDS, []
    for _ in range(40):
        now += STEP_SECONDS
        allowance.towards(2_500_000, now)
        falling.append(allowance.is_falling)
    assert falling == sorted(falling, reverse=True)
    assert falling[0]
    assert not falling[-1]


def test_more_is_allowed_at_once_and_taken_back_slowly() -> None:
    allowance = Allowance(BEGUN_AT)
    now = BEGUN_AT + 60
    assert allowance.towards(9_000_000, now) == 9_000_000
    assert 8_500_000 < (allowance.towards(2_500_000, now + 1) or 0) < 9_000_000
    assert allowance.towards(9_000_000, now + 1.1) == 9_000_000
