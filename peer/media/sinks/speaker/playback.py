"""What a speaker plays next: sound that comes in bursts, kept short and without clicks. No I/O.

Times are counted in samples of 48 kHz. Whoever is slower, the partner's clock or the speaker's, the delay stays
bounded: pieces are cut out where the sound repeats itself, which is hardly heard.
"""

import numpy as np

from peer.media.base.sound import RATE, Samples

MILLISECOND = RATE // 1000
START = 40 * MILLISECOND
"""So much is collected before it is played, at first and after a gap: the bursts in which sound comes."""
ENOUGH = 40 * MILLISECOND
"""When more than this remained at all times of a window, a little is cut out."""
MOST = 160 * MILLISECOND
"""When there is more than this, all that is too much is cut out at once."""
WINDOW = 500 * MILLISECOND
FADE = 5 * MILLISECOND
LEAST_CUT, MOST_CUT = 5 * MILLISECOND, 15 * MILLISECOND


class Playback:
    """A queue of samples from which any number can be taken at any time: silence when there are none."""

    def __init__(self) -> None:
        self._waiting: Samples = np.empty((0, 2), np.int16)
        self._playing = False
        self._taken = 0  # in this window
        self._least = MOST  # what remained, in this window

    @property
    def delay(self) -> int:
        """How many samples are waiting."""
        return len(self._waiting)

    def add(self, samples: Samples) -> None:
        """Samples x 2 channels, to be played after those that are waiting."""
        self._waiting = np.concatenate([self._waiting, samples])
        if len(self._waiting) > MOST:
            too_much = len(self._waiting) - ENOUGH
            self._waiting = shortened(self._waiting, too_much - MOST_CUT, too_much)
            self._begin_window()

    def take(self, count: int) -> Samples:
        """So many samples, to be played now."""
        if not self._playing:
            if len(self._waiting) < max(START, count + FADE):
                return np.zeros((count, 2), np.int16)
            self._playing = True
            self._begin_window()
            self._waiting = _faded(self._waiting, FADE, rising=True)
        if len(self._waiting) < count + FADE:
            return self._run_out(count)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self._watch(count)
        return taken

    def clear(self) -> None:
        """Forget what is waiting: the partner is gone."""
        self.__init__()  # type: ignore[misc] # the same as a new one

    def _run_out(self, count: int) -> Samples:
        """The rest, which dies away, and silence."""
        rest = self._waiting[:count]
        rest = _faded(rest, min(FADE, len(rest)), rising=False)
        self._waiting = self._waiting[:0]
        self._playing = False
        return np.pad(rest, ((0, count - len(rest)), (0, 0)))

    def _begin_window(self) -> None:
        self._taken, self._least = 0, MOST

    def _watch(self, count: int) -> None:
        self._taken += count
        self._least = min(self._least, len(self._waiting))
        if self._taken >= WINDOW:
            if self._least > ENOUGH:
                self._waiting = shortened(self._waiting, LEAST_CUT, MOST_CUT)
            self._begin_window()


def shortened(samples: Samples, least: int, most: int) -> Samples:
    """Cut between `least` and `most` samples out of the beginning, where what follows is most like what was cut."""
    heard = samples[:FADE].astype(np.float64)
    span = samples[least : most + FADE].astype(np.float64)
    match = np.correlate(span.sum(axis=1), heard.sum(axis=1), mode="valid")
    energy = np.convolve(np.square(span.sum(axis=1)), np.ones(FADE), mode="valid")
    cut = least + int(np.argmax(match / np.sqrt(energy + 1)))
    rise = np.linspace(0, 1, FADE)[:, np.newaxis]
    joint = heard * (1 - rise) + samples[cut : cut + FADE] * rise
    return np.concatenate([joint.astype(np.int16), samples[cut + FADE :]])


def _faded(samples: Samples, length: int, *, rising: bool) -> Samples:
    """The samples with their beginning risen from silence, or their end let die away."""
    volume = np.ones((len(samples), 1))
    if rising:
        volume[:length, 0] = np.linspace(0, 1, length)
    else:
        volume[len(samples) - length :, 0] = np.linspace(1, 0, length)
    return (samples * volume).astype(np.int16)
