"""The clock of a track is mapped to the clock of arrival, whatever the network and the partner do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.media.base.timeline import Timeline


def test_frames_are_placed_by_their_timestamps_not_by_their_delays() -> None:
    timeline = Timeline()
    delays = [0.0, 0.01, 0.3, 0.25, 0.02, 0.0]
    places = [timeline.place(1000 + i / 30, 50 + i / 30 + delay) for i, delay in enumerate(delays)]
    assert places == pytest.approx([50 + i / 30 for i in range(6)], abs=0.001)


def test_a_first_frame_that_was_held_up_is_corrected_by_the_next() -> None:
    timeline = Timeline()
    timeline.place(0.0, 10.4)
    assert timeline.place(0.1, 10.1) == pytest.approx(10.1)
    assert timeline.place(0.2, 10.5) == pytest.approx(10.2, abs=0.001)


def test_a_pause_that_the_timestamps_tell_leaves_a_gap() -> None:
    timeline = Timeline()
    timeline.place(0.0, 10.0)
    assert timeline.place(5.0, 15.05) == pytest.approx(15.0, abs=0.01)


def test_a_pause_that_the_timestamps_hide_leaves_a_gap_too() -> None:
    timeline = Timeline()
    timeline.place(0.0, 10.0)
    assert timeline.place(0.02, 15.0) == pytest.approx(15.0)
    assert timeline.place(0.04, 15.02) == pytest.approx(15.02)


def test_what_a_stalled_network_delivers_in_a_burst_returns_to_its_place() -> None:
    timeline = Timeline()
    timeline.place(0.0, 10.0)
    late = [timeline.place(i * 0.02, 12.0) for i in range(1, 101)]
    assert late[-1] == pytest.approx(12.0, abs=0.01)
    assert timeline.place(2.02, 12.02) == pytest.approx(12.02, abs=0.01)


def test_timestamps_that_jump_back_begin_anew() -> None:
    timeline = Timeline()
    timeline.place(10_000.0, 10.0)
    assert timeline.place(0.0, 10.02) == pytest.approx(10.02)
    assert timeline.place(0.02, 10.04) == pytest.approx(10.04)


@pytest.mark.parametrize("drift", [-100e-6, 100e-6])
def test_a_clock_that_is_fast_or_slow_is_followed_for_hours(drift: float) -> None:
    timeline = Timeline()
    for second in range(4 * 3600):
        place = timeline.place(second * (1 + drift), second)
    assert place == pytest.approx(second, abs=0.01)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 10)), min_size=1))
def test_no_timestamp_takes_a_frame_away_from_its_arrival(frames: list[tuple[float, float]]) -> None:
    timeline = Timeline(tolerance=1.0)
    arrival = 0.0
    for time, wait in frames:
        arrival += wait
        assert arrival - 1.001 <= timeline.place(time, arrival) <= arrival + 0.001
