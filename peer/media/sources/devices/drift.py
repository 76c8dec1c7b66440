"""Keeps sound in step with the machine's clock, although every sound card has a clock of its own.

Two crystals differ by up to some hundred parts in a million: a card that runs 200 ppm slow gives 0.7 s too little sound
in an hour, and the picture, which is timed by this machine, runs away from it. So the sound is stretched or squeezed by
as little as is needed, far below what can be heard. Nothing here does I/O or reads a clock.
"""

import functools

import numpy as np
import numpy.typing as npt

from peer.media.base.sound import RATE, Samples

WINDOW = 2.0  # seconds over which the least late arrival is taken: delays only add, so that one is nearest to the truth
SETTLING = 10.0  # seconds in which a difference shrinks to a third
MOST = 0.002  # of the sound's speed: a thirtieth of a semitone
JUMP = 0.1  # seconds that the sound can be off before a gap is assumed, such as after the machine slept
REACH = 8  # samples to each side from which one between two others is computed
PHASES = 4096  # places between two samples that are told apart


class Drift:
    """Watches when sound arrives, and says how much faster or slower it has to be.

    A proportional-integral controller: the proportional part takes back a difference, the integral part learns
    the two clocks' ratio, so that no difference remains.
    """

    def __init__(self) -> None:
        self.speed = 0.0
        """Samples to add for each that comes; below 0 to take away."""
        self._late = 0.0  # by how many seconds the sound lags behind the clock; set anew after each WINDOW
        self._produced = 0.0  # seconds of sound since the start
        self._start: float | None = None  # when the sound that came first began; set by the first piece
        self._window_end = 0.0
        self._least_late = float("inf")  # in this window
        self._learnt = 0.0  # the integral part of the speed

    def note(self, arrival: float, samples: int) -> float:
        """Take note of so many samples, counted after they were stretched.

        `arrival` is when the last of them was there, in seconds on the machine's clock, which never goes back. Returns
        the seconds by which time must be put forward now, since so much sound is missing: 0 as a rule.
        """
        if self._start is None:
            self._start = arrival - samples / RATE
            self._window_end = arrival + WINDOW
        self._produced += samples / RATE
        self._least_late = min(self._least_late, arrival - self._start - self._produced)
        return self._end_window(arrival) if arrival >= self._window_end else 0.0

    def _end_window(self, now: float) -> float:
        late, self._least_late, self._window_end = self._least_late, float("inf"), now + WINDOW
        if abs(late) >= JUMP:  # a gap: it says nothing of the clocks
            self._produced += late
            return late
        # Critically damped: the fastest that does not overshoot much.
        self._learnt = _limited(self._learnt + late * WINDOW / (4 * SETTLING**2))
        self.speed = _limited(late / SETTLING + self._learnt)
        return 0.0


def _limited(speed: float) -> float:
    return min(MOST, max(-MOST, speed))


class Stretcher:
    """Makes sound a little faster or slower, without a seam between the pieces that it comes in.

    Sound comes out `REACH` samples (a sixth of a millisecond) later than it went in. As long as the speed is 0, the
    very samples come out that went in.
    """

    def __init__(self) -> None:
        self._waiting: Samples = np.zeros((2 * REACH, 2), np.int16)  # from the first that the next output needs
        self._position = float(REACH)  # of the next output among them

    def stretch(self, samples: Samples, speed: float) -> Samples:
        """The next samples, about `1 + speed` for each that went in."""
        known = np.concatenate([self._waiting, samples])
        step = 1 / (1 + speed)
        count = max(0, int((len(known) - REACH - 1 - self._position) / step) + 1)
        positions = self._position + step * np.arange(count)
        result = _interpolated(known, positions)
        following = self._position + step * count
        used = int(following) - REACH + 1
        self._waiting, self._position = known[used:], following - used
        return result


def _interpolated(known: Samples, positions: npt.NDArray[np.floating]) -> Samples:
    whole = np.floor(positions).astype(np.intp)
    phases = np.rint((positions - whole) * PHASES).astype(np.intp)
    if not phases.any():
        return np.asarray(known[whole], np.int16)
    rows = whole[:, np.newaxis] + np.arange(1 - REACH, REACH + 1)
    sound: npt.NDArray[np.float32] = np.einsum("jk,jkc->jc", _weights()[phases], known[rows].astype(np.float32))
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


@functools.cache
def _weights() -> npt.NDArray[np.float32]:
    """For each phase, from a sample to the next one: the weights of the samples around. A sinc under a Hann window."""
    distance = np.arange(PHASES + 1)[:, np.newaxis] / PHASES - np.arange(1 - REACH, REACH + 1)
    weights = np.sinc(distance) * np.square(np.cos(np.pi * distance / (2 * REACH)))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
