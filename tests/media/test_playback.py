"""The queue before a speaker: bounded, without clicks, silent when there is nothing."""

from collections.abc import Iterator

import numpy as np
import pytest
from mediafiles import strongest_frequency, tone

from peer.media.base.sound import RATE, Samples
from peer.media.sinks.speaker.playback import ENOUGH, FADE, MOST, START, Playback, shortened

FRAME, PIECE = 960, 480
STEEPEST = 0.25 * 2 * np.pi * 440 / RATE * 32767
"""How far two samples of the test tone are apart at most: a click is more."""


def stereo(sound: np.ndarray) -> Samples:
    return (np.stack([sound, sound], axis=1) * 32767).astype(np.int16)


def frames(seconds: float) -> Iterator[Samples]:
    sound = stereo(tone(seconds))
    for start in range(0, len(sound), FRAME):
        yield sound[start : start + FRAME]


def check_no_clicks(heard: Samples) -> None:
    assert np.abs(np.diff(heard[:, 0].astype(int))).max() < STEEPEST * 2


def test_what_comes_steadily_is_played_as_it_is() -> None:
    playback, heard = Playback(), []
    for frame in frames(3):
        playback.add(frame)
        heard += [playback.take(PIECE), playback.take(PIECE)]
    played = np.concatenate(heard)
    begin = np.nonzero(played)[0][0]
    assert begin < START + FRAME
    sent = stereo(tone(3))
    assert (played[begin + FADE :] == sent[FADE + 1 : len(played) - begin + 1]).all()
    check_no_clicks(played)


def test_without_sound_there_is_silence() -> None:
    playback = Playback()
    assert not playback.take(PIECE).any()
    playback.add(next(frames(1)))
    assert not playback.take(PIECE).any()


def test_a_gap_dies_away_and_what_follows_rises() -> None:
    playback, heard = Playback(), []
    for number, frame in enumerate(frames(2)):
        if not 40 <= number < 60:
            playback.add(frame)
        heard += [playback.take(PIECE), playback.take(PIECE)]
    played = np.concatenate(heard)
    check_no_clicks(played)
    silent = np.nonzero(np.abs(played[RATE // 2 :, 0]) > 0)[0]
    assert 0.3 * RATE < np.diff(silent).max() < 0.5 * RATE


@pytest.mark.parametrize("burst", [0.3, 3.0, 60.0])
def test_a_burst_does_not_become_delay(burst: float) -> None:
    playback, heard = Playback(), []
    for frame in frames(1):
        playback.add(frame)
        heard += [playback.take(PIECE), playback.take(PIECE)]
    for frame in frames(burst):
        playback.add(frame)
        assert playback.delay <= MOST
    for frame in frames(1):
        playback.add(frame)
        heard += [playback.take(PIECE), playback.take(PIECE)]
        assert playback.delay <= MOST
    check_no_clicks(np.concatenate(heard))


def test_a_partner_whose_clock_is_fast_is_kept_up_with() -> None:
    """1 % fast for a minute: 600 ms too much. It is cut out in small pieces, and remains the tone that it was."""
    playback, heard, due = Playback(), [], 0.0
    for frame in frames(60):
        playback.add(frame)
        due += FRAME / 1.01
        while due >= PIECE:
            heard.append(playback.take(PIECE))
            due -= PIECE
        assert playback.delay <= ENOUGH + 3 * FRAME
    played = np.concatenate(heard)
    check_no_clicks(played)
    assert strongest_frequency(played[:, 0].astype(float), RATE) == pytest.approx(440, abs=1)
    assert (np.abs(played[START * 2 :, 0]).reshape(-1, PIECE // 2).max(axis=1) > 1000).all()


def test_a_partner_whose_clock_is_slow_is_heard_with_short_gaps() -> None:
    playback, heard, due = Playback(), [], 0.0
    for frame in frames(20):
        playback.add(frame)
        due += FRAME / 0.98
        while due >= PIECE:
            heard.append(playback.take(PIECE))
            due -= PIECE
    played = np.concatenate(heard)
    check_no_clicks(played)
    assert np.count_nonzero(np.abs(played[:, 0]) > 100) > 0.85 * len(played)


def test_clearing_forgets_what_waits() -> None:
    playback = Playback()
    for frame in frames(0.1):
        playback.add(frame)
    playback.clear()
    assert playback.delay == 0
    assert not playback.take(PIECE).any()


def test_what_is_cut_out_is_where_the_sound_repeats_itself() -> None:
    sound = stereo(tone(0.1))
    period = RATE / 440
    cut = len(sound) - len(shortened(sound, 240, 720))
    assert cut / period == pytest.approx(round(cut / period), abs=0.03)
    noise = np.random.default_rng(1).integers(-9000, 9000, (4800, 2)).astype(np.int16)
    assert 240 <= len(noise) - len(shortened(noise, 240, 720)) <= 720
    silence = np.zeros((4800, 2), np.int16)
    assert 240 <= len(silence) - len(shortened(silence, 240, 720)) <= 720
