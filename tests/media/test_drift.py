"""A sound card's clock beside the machine's: an hour of simulated arrivals, and what stretching does to a tone."""

import random

import numpy as np
import pytest

from peer.media.base.sound import RATE, Samples
from peer.media.sources.devices.drift import REACH, Drift, Stretcher

PIECE = 960


def lags(ppm: float, seconds: float, seed: int = 1, gap_at: float = float("inf")) -> list[tuple[float, float]]:
    """(time, by how much the sound lags behind the picture) for a card that runs so many parts in a million fast.

    Each piece arrives up to 8 ms late; once a minute the thread that reads is held up for 0.3 s, and the pieces that
    waited come at once. At `gap_at`, a second of sound is lost.
    """
    rng = random.Random(seed)
    drift, result = Drift(), []
    recorded, produced, held_until, lost = 0.0, 0.0, 0.0, 0.0
    while recorded < seconds:
        recorded += PIECE / RATE / (1 + ppm / 1e6)  # on the machine's clock
        if recorded > gap_at and not lost:
            lost = 1.0
            recorded += lost
        if rng.random() < PIECE / RATE / 60:
            held_until = recorded + 0.3
        arrival = max(recorded + rng.uniform(0.0, 0.008), held_until)
        samples = PIECE * (1 + drift.speed)
        produced += samples / RATE + drift.note(arrival, samples)
        result.append((recorded, recorded - produced))
    return result


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_sound_stays_within_40_ms_for_an_hour(ppm: float) -> None:
    lag = [lag for _, lag in lags(ppm, 3600)]
    assert max(map(abs, lag)) < 0.040
    settled = lag[len(lag) // 10 :]
    assert max(settled) - min(settled) < 0.005


def test_without_correction_it_would_not() -> None:
    """What the simulation itself does to sound: 200 ppm in an hour are 0.7 s."""
    pieces = int(3600 * RATE / PIECE)
    assert abs(pieces * PIECE / RATE - pieces * PIECE / RATE / (1 + 200e-6)) > 0.7


def test_after_a_gap_time_is_put_forward_once_and_not_caught_up_with_by_stretching() -> None:
    result = lags(100, 120, gap_at=60)
    assert max(abs(lag) for moment, lag in result if moment < 60) < 0.04
    assert max(abs(lag) for moment, lag in result if moment > 66) < 0.04


def tone(frequency: float, seconds: float) -> Samples:
    wave = 20000 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)
    return np.stack([wave, wave], axis=1).round().astype(np.int16)


def stretched(sound: Samples, speed: float) -> Samples:
    stretcher = Stretcher()
    return np.concatenate([stretcher.stretch(sound[at : at + PIECE], speed) for at in range(0, len(sound), PIECE)])


@pytest.mark.parametrize("speed", [-0.0002, 0.0002, 0.002])
@pytest.mark.parametrize("frequency", [440, 4000, 12000])
def test_stretching_is_not_heard(frequency: float, speed: float) -> None:
    """The tone, a little lower or higher, is all that there is: everything else is 60 dB below it."""
    sound = tone(frequency, 2)
    result = stretched(sound, speed)
    assert len(result) == pytest.approx(len(sound) * (1 + speed), abs=2)
    result = result[100:]
    power = np.square(np.abs(np.fft.rfft(result[:, 0] * np.blackman(len(result)))))
    near = np.abs(np.arange(len(power)) * RATE / len(result) - frequency / (1 + speed)) < 3
    assert 10 * np.log10(power[near].sum() / power[~near].sum()) > 60


def test_sound_that_needs_no_stretching_is_not_touched() -> None:
    sound = tone(440, 1)
    result = stretched(sound, 0)
    assert (result[REACH:] == sound[:-REACH]).all()


def test_pieces_of_any_length_give_the_same_sound() -> None:
    sound = tone(440, 1)
    stretcher, rng = Stretcher(), random.Random(1)
    pieces, at = [], 0
    while at < len(sound):
        length = rng.choice([1, 7, 100, 960, 4000])
        pieces.append(stretcher.stretch(sound[at : at + length], 0.001))
        at += length
    expected = stretched(sound, 0.001)
    assert np.abs(np.concatenate(pieces).astype(int) - expected).max() <= 2
