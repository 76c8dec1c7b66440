"""Which size pictures are coded in, and which are left out, by link and machine."""

import itertools

from peer.rtp.adaptation import Fitter

HD = (1280, 720)


def run(fitter: Fitter, bitrate: int, start: float, seconds: float, cost: float = 0.004) -> list[tuple[int, int]]:
    """The sizes of pictures at 30 a second; coding a full one takes `cost` seconds."""
    sizes = []
    for index in range(int(seconds * 30)):
        now = start + index / 30
        fitter.see(now)
        size = fitter.size(*HD, bitrate, now)
        fitter.coded(cost * size[0] * size[1] / (HD[0] * HD[1]))
        sizes.append(size)
    return sizes


def test_a_good_link_gets_the_full_size_always() -> None:
    assert set(run(Fitter(), 2_500_000, 0, 30)) == {HD}


def test_a_narrow_link_gets_a_smaller_picture_within_seconds_and_the_full_one_back_later() -> None:
    fitter = Fitter()
    run(fitter, 2_500_000, 0, 5)
    assert run(fitter, 400_000, 5, 3)[-1] == (960, 540)
    small = run(fitter, 150_000, 8, 5)[-1]
    assert small[0] < 640
    assert all(side % 2 == 0 for side in small)
    assert run(fitter, 2_500_000, 13, 40)[-1] == HD


def test_a_short_dip_changes_nothing() -> None:
    fitter = Fitter()
    run(fitter, 2_500_000, 0, 5)
    assert set(run(fitter, 300_000, 5, 0.8)) == {HD}
    assert set(run(fitter, 2_500_000, 5.8, 5)) == {HD}


def test_a_rate_on_the_edge_does_not_make_it_swing() -> None:
    fitter = Fitter()
    sizes: list[tuple[int, int]] = []
    for second in range(60):
        sizes += run(fitter, 650_000 if second % 8 < 4 else 800_000, second, 1)
    assert sum(one != other for one, other in itertools.pairwise(sizes)) <= 1


def test_a_machine_that_cannot_keep_up_gets_smaller_pictures_and_is_tried_ever_more_rarely() -> None:
    fitter = Fitter()
    sizes = run(fitter, 4_000_000, 0, 10, cost=0.045)
    assert sizes[-1] == (960, 540)
    more = run(fitter, 4_000_000, 10, 120, cost=0.045)
    assert sum(one != other for one, other in itertools.pairwise(more)) <= 6
    assert run(fitter, 4_000_000, 130, 100, cost=0.004)[-1] == HD


def test_pictures_are_left_out_until_a_large_one_has_gone() -> None:
    fitter = Fitter()
    assert not fitter.leaves_out(1_000_000, 0.0)
    fitter.owes(125_000, 1_000_000, 0.0)
    assert fitter.leaves_out(1_000_000, 0.3)
    assert not fitter.leaves_out(1_000_000, 0.7)


def test_few_pictures_a_second_may_have_more_bits_each() -> None:
    fitter = Fitter()
    for index in range(10):
        fitter.see(index / 5)
    for index in range(10, 100):
        fitter.see(index / 5)
        assert fitter.size(*HD, 400_000, index / 5) == HD
    assert 4.5 < fitter.fps < 5.5
