"""A camera that is taken away from a running call and given back: picture, still picture, picture."""

import itertools
from collections.abc import Callable
from pathlib import Path

from tests.devices.recorded import BARS, colour_bars, moves, pictures

Outcome = Callable[[str], Path]


def test_the_call_goes_on_with_a_still_picture_until_the_camera_is_back(outcome: Outcome) -> None:
    shown = pictures(outcome("unplug") / "recording.mkv")
    assert all(colour_bars(picture) == BARS for _, picture in shown)
    moved = [time for (_, a), (time, b) in itertools.pairwise(shown) if moves(a, b)]
    pause, last_before = max((later - earlier, earlier) for earlier, later in itertools.pairwise(moved))
    assert pause > 3
    assert sum(time <= last_before for time in moved) > 3
    assert sum(time > last_before for time in moved) > 3
    still = [time for time, _ in shown if last_before < time < last_before + pause]
    assert len(still) > 4
    assert max(later - earlier for earlier, later in itertools.pairwise(still)) < 2


def test_a_line_tells_that_the_camera_is_lost_and_one_that_it_is_back(outcome: Outcome) -> None:
    told = (outcome("unplug") / "offerer.out").read_text().splitlines()
    assert [line for line in told if line.startswith("camera ")] == [
        "camera /dev/video0 is not there (is it plugged in?). The call goes on without it until it is back",
        "camera /dev/video0 is back",
    ]
    assert (outcome("unplug") / "offerer.err").read_text() == ""


def test_the_devices_are_let_go_of_after_ctrl_c_and_after_sigterm(outcome: Outcome) -> None:
    for folder, device in (("unplug", "dev-video0"), ("call", "dev-snd-pcmC0D0c"), ("call", "dev-video0")):
        assert (outcome(folder) / f"users-{device}").read_text() == ""
    assert (outcome("unplug") / "offerer.code").read_text() == "130"
    assert (outcome("call") / "offerer.code").read_text() == "130"
