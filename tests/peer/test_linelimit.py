"""Few lines of a kind, whoever repeats them; and how many there were more."""

from peer.cli.line_limit import AT_ONCE, MAX_KINDS, LineLimit


def test_a_few_pass_at_once_and_then_one_a_second() -> None:
    limit = LineLimit()
    passed = [second for second in range(1000) if limit.passes("ready", 50 + second / 100)]
    assert len(passed) == AT_ONCE + 9
    assert passed[:AT_ONCE] == list(range(AT_ONCE))
    assert limit.take_left_out("ready") == 1000 - len(passed)
    assert limit.take_left_out("ready") == 0


def test_kinds_do_not_take_each_others_place() -> None:
    limit = LineLimit()
    assert not all(limit.passes("ready", 50) for _ in range(10))
    assert limit.passes("waiting", 50)
    assert limit.take_all_left_out() == 1  # `all` stops at the first


def test_kinds_without_end_share_one_limit() -> None:
    limit = LineLimit()
    passed = sum(limit.passes(f"kind {number}", 50) for number in range(10_000))
    assert passed == MAX_KINDS + AT_ONCE
    assert limit.take_all_left_out() == 10_000 - passed
