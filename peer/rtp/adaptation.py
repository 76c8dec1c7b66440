"""Fitting pictures to the link and the machine: smaller ones, or fewer, when either can't keep up. Without I/O.

A picture with too few bits for each of its pixels is all blocks; a smaller one, which the partner enlarges, looks
better. Going down is quick; going up waits, and waits longer each time that it was wrong.
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

SCALES = (1.0, 0.75, 0.5, 0.375, 0.25)
"""Of both sides: 1280x720, 960x540, 640x360, 480x270, 320x180."""
BITS_TO_SHRINK = 0.025
"""Bits a pixel: with fewer, a smaller picture looks better. For 1280x720 at 30 frames/s this is 0.7 Mbit/s."""
BITS_TO_GROW = 0.045
BUSY_SHARE = 0.85
"""Of the time between two pictures: coding that takes more can't keep up."""
IDLE_SHARE = 0.5
SHRINK_SECONDS = 1.0
GROW_SECONDS = 5.0
MAX_GROW_SECONDS = 80.0
LEAST_SIDE = 90
DEBT_SECONDS = 0.4
"""How far ahead of a narrow link the coded pictures may run before some are left out."""


@dataclass(slots=True)
class Fitter:
    """Chooses the size of each picture, and which to leave out. Times in seconds on one clock."""

    fps: float = 30.0
    """What comes in, by the last few; one that is late, or was coded long before it was sent, changes nothing."""
    _intervals: deque[float] = field(default_factory=lambda: deque(maxlen=31))
    _step: int = 0
    _changed_at: float = float("-inf")
    _grew_at: float = float("-inf")
    _pressed_since: float | None = None
    _free_since: float | None = None
    _patience: float = GROW_SECONDS
    _busy: float = 0.0
    """Time that a picture takes to code, smoothed."""
    _last_time: float | None = None
    _debt: float = 0.0
    _paid_at: float | None = None

    def see(self, time: float) -> None:
        """A picture of this presentation time came."""
        if self._last_time is not None and 0 < time - self._last_time < 1:
            self._intervals.append(time - self._last_time)
            if len(self._intervals) > 8:
                self.fps = min(1 / statistics.median(self._intervals), 240.0)
        self._last_time = time

    def size(self, width: int, height: int, bitrate: int, now: float) -> tuple[int, int]:
        """The size to code a picture of `width` and `height` in, both even."""
        if self._is_pressed(width, height, bitrate):
            self._free_since = None
            self._pressed_since = now if self._pressed_since is None else self._pressed_since
            if now - max(self._pressed_since, self._changed_at) >= SHRINK_SECONDS:
                self._change(1, now)
        elif self._is_free(width, height, bitrate):
            self._pressed_since = None
            self._free_since = now if self._free_since is None else self._free_since
            if now - self._free_since >= self._patience:
                self._change(-1, now)
        else:
            self._pressed_since = self._free_since = None
        scale = SCALES[self._step]
        return (int(width * scale) // 2 * 2, int(height * scale) // 2 * 2) if self._step else (width, height)

    def coded(self, seconds: float) -> None:
        """Coding a picture took so long."""
        self._busy += 0.1 * (seconds - self._busy)

    def owes(self, octets: int, bitrate: int, now: float) -> None:
        """A coded picture of so many bytes goes out at this rate."""
        self._pay(bitrate, now)
        self._debt += octets * 8

    def leaves_out(self, bitrate: int, now: float) -> bool:
        """Whether the next picture is one too many for a narrow link."""
        self._pay(bitrate, now)
        return self._debt > DEBT_SECONDS * bitrate

    def _pay(self, bitrate: int, now: float) -> None:
        elapsed = 0.0 if self._paid_at is None else now - self._paid_at
        self._debt = max(0.0, self._debt - elapsed * bitrate)
        self._paid_at = now

    def _is_pressed(self, width: int, height: int, bitrate: int) -> bool:
        if self._step == len(SCALES) - 1 or min(width, height) * SCALES[self._step + 1] < LEAST_SIDE:
            return False
        pixels = width * height * SCALES[self._step] ** 2
        return bitrate < BITS_TO_SHRINK * pixels * self.fps or self._busy * self.fps > BUSY_SHARE

    def _is_free(self, width: int, height: int, bitrate: int) -> bool:
        if not self._step:
            return False
        wider = SCALES[self._step - 1]
        busy = self._busy * self.fps * (wider / SCALES[self._step]) ** 2
        return bitrate > BITS_TO_GROW * width * height * wider**2 * self.fps and busy < IDLE_SHARE

    def _change(self, step: int, now: float) -> None:
        if step < 0:
            self._grew_at = now
        elif now - self._grew_at < 2 * self._patience:
            self._patience = min(2 * self._patience, MAX_GROW_SECONDS)
            self._grew_at = float("-inf")  # a further step down says nothing more
        elif now - self._changed_at > MAX_GROW_SECONDS:
            self._patience = GROW_SECONDS
        # What the other size takes is known only once some were coded.
        self._busy *= (SCALES[self._step + step] / SCALES[self._step]) ** 2
        self._step += step
        self._changed_at = now
        self._pressed_since = self._free_since = None
