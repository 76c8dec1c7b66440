"""How thoroughly pictures are coded: by size and rate, by what the machine has left, and rarely changed."""

import itertools

import pytest

from peer.media.encoders import vp8
from peer.media.encoders.speed import SPEEDS, Speed, SpeedChooser
from peer.rtp.keyframes import starts_keyframe
from tests.media.test_encoders import noisy

GOOD, USUAL, QUICK = SPEEDS
HD = 1280 * 720
INTERVAL = 1 / 30


def run(
    chooser: SpeedChooser, begin: float, seconds: float, slowness: float = 1.0, bitrate: int = 2_500_000
) -> list[Speed]:
    """The speeds of 720p pictures at 30 a second, each of which takes `slowness` times as long as reckoned with."""
    chosen, bits = [], bitrate * INTERVAL
    for number in range(int(30 * seconds)):
        first = not begin and not number
        speed = chooser.choose(HD, bits, INTERVAL, begin + number * INTERVAL, keyframe=first)
        chooser.took(slowness * speed.seconds(HD, bits), HD, bits)
        chosen.append(speed)
    return chosen


@pytest.mark.parametrize(
    ("width", "height", "bitrate", "fps", "speed"),
    [
        (1280, 720, 1_000_000, 30, GOOD),
        (1280, 720, 1_500_000, 30, GOOD),
        (1280, 720, 2_500_000, 30, USUAL),
        (640, 360, 900_000, 30, GOOD),
        (1280, 720, 4_200_000, 60, QUICK),
        (1920, 1080, 4_600_000, 30, QUICK),
    ],
)
def test_the_first_one_is_what_fits(width: int, height: int, bitrate: int, fps: int, speed: Speed) -> None:
    assert SpeedChooser().choose(width * height, bitrate / fps, 1 / fps, 0, keyframe=True) is speed


def test_a_machine_with_time_left_keeps_its_speed() -> None:
    for slowness in (0.9, 1.0, 1.5):
        assert set(run(SpeedChooser(), 0, 60, slowness)) == {USUAL}


def test_a_machine_that_cannot_keep_up_codes_faster_after_a_second_or_two_and_a_short_load_changes_nothing() -> None:
    chooser = SpeedChooser()
    run(chooser, 0, 5)
    assert set(run(chooser, 5, 0.5, slowness=3)) == {USUAL}
    assert set(run(chooser, 5.5, 5)) == {USUAL}
    assert run(chooser, 10.5, 3, slowness=3)[-1] is QUICK


def test_one_picture_that_was_held_up_changes_nothing() -> None:
    chooser = SpeedChooser()
    run(chooser, 0, 5)
    chooser.took(1.0, HD, 80_000)
    assert set(run(chooser, 5, 5)) == {USUAL}


def test_a_load_that_comes_and_goes_changes_it_ever_more_rarely() -> None:
    chooser = SpeedChooser()
    speeds = run(chooser, 0, 5)
    for minute in range(10):
        speeds += run(chooser, 5 + 60 * minute, 5, slowness=3)
        speeds += run(chooser, 10 + 60 * minute, 55)
    changes = sum(one is not other for one, other in itertools.pairwise(speeds))
    assert 2 <= changes <= 8


def test_with_time_left_again_the_next_keyframe_is_the_time_to_change() -> None:
    chooser = SpeedChooser()
    run(chooser, 0, 3, slowness=3)
    assert set(run(chooser, 3, 8)) == {QUICK}
    assert chooser.choose(HD, 83_000, INTERVAL, 11, keyframe=True) is USUAL


def test_another_speed_begins_with_a_keyframe_and_the_pictures_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = iter([QUICK, QUICK, GOOD, GOOD, USUAL])
    monkeypatch.setattr(vp8.SpeedChooser, "choose", lambda *_, **__: next(chosen))
    encoder = vp8.Vp8Encoder(1_000_000)
    coded = [encoder.encode(noisy(index), keyframe=False) for index in range(5)]
    assert [starts_keyframe("VP8", payloads[0]) for payloads in coded] == [True, False, True, False, True]
