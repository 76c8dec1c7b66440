"""Sound in the one form that this package works in: s16, stereo, 48 kHz, blocks of 20 ms."""

import fractions
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.int16]
"""Samples x 2 channels."""

RATE = 48000
BLOCK = 960
TIME_BASE = fractions.Fraction(1, RATE)


def block_frame(samples: Samples) -> av.AudioFrame:
    """A frame with these samples, without pts."""
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = RATE
    return frame


def level_dbov(frame: av.AudioFrame) -> int:
    """How loud a frame of s16 is, from -127 (silence) to 0 (RFC 6465, appendix A)."""
    samples = frame.to_ndarray().astype(np.float64) / 32768
    power = float(np.mean(np.square(samples)))
    return max(-127, min(0, round(10 * math.log10(power)))) if power > 0 else -127


class Resampler:
    """Turns frames of any format, rate and number of channels, which may change, into samples."""

    def __init__(self) -> None:
        self._resampler: av.AudioResampler | None = None
        self._input: tuple[str, str, int] | None = None

    def samples(self, frame: av.AudioFrame) -> Samples:
        """What this frame gives, less the few samples that stay inside. The frame itself is not changed."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form == ("s16", "stereo", RATE):
            return frame.to_ndarray().reshape(-1, 2).astype(np.int16, copy=False)
        if self._resampler is None or form != self._input:
            self._resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
            self._input = form
        # A copy without pts: time is kept by whoever calls, and frames may be shared.
        copy = av.AudioFrame.from_ndarray(frame.to_ndarray(), format=form[0], layout=form[1])
        copy.sample_rate = form[2]
        parts = [part.to_ndarray().reshape(-1, 2) for part in self._resampler.resample(copy)]
        return np.concatenate(parts).astype(np.int16, copy=False) if parts else np.empty((0, 2), np.int16)


@dataclass(frozen=True)
class Block:
    """20 ms of sound, and when it begins, in seconds on the clock of the source."""

    time: float
    samples: Samples


class Blocks:
    """Cuts sound that comes in pieces of any length into blocks of 20 ms.

    Time is counted in samples, which has no jitter; where the source's own time differs by more than `tolerance`
    seconds there was a gap or a jump, and the count starts again from there.
    """

    def __init__(self, tolerance: float = 0.04) -> None:
        self._tolerance = tolerance
        self._waiting: Samples = np.empty((0, 2), np.int16)
        self._time = 0.0  # when the waiting samples begin
        self._started = False

    def add(self, time: float, samples: Samples) -> Iterator[Block]:
        """The blocks that are full, now that these samples have come. `time` is when they begin, in seconds."""
        expected = self._time + len(self._waiting) / RATE
        if not self._started or abs(time - expected) > self._tolerance:
            yield from self.flush()
            self._time = time
            self._started = True
        self._waiting = np.concatenate([self._waiting, samples])
        while len(self._waiting) >= BLOCK:
            yield self._take()

    def flush(self) -> Iterator[Block]:
        """The last, incomplete block, filled up with silence."""
        if len(self._waiting):
            self._waiting = np.pad(self._waiting, ((0, BLOCK - len(self._waiting)), (0, 0)))
            yield self._take()

    def _take(self) -> Block:
        block = Block(self._time, self._waiting[:BLOCK])
        self._waiting = self._waiting[BLOCK:]
        self._time += BLOCK / RATE
        return block
