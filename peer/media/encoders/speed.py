"""How thoroughly to code VP8: as well as the time between two pictures allows, on this machine, now. Without I/O.

libvpx can't be told another speed while it runs, through FFmpeg: a change takes a new encoder, with a keyframe. So it
is rare: at once only when the machine can't keep up, else where a keyframe comes anyway, or after a long while.
"""

from dataclasses import dataclass

FITS_SHARE = 0.3
"""Of the time between two pictures, to code one: more would bring every picture later."""
TOO_LONG_SHARE = 0.5
HURRY_SECONDS = 1.0
"""How long pictures take too long before the speed is raised."""
PATIENCE_SECONDS, MAX_PATIENCE_SECONDS = 15.0, 120.0
"""How long a lower speed has to fit before it is taken; twice as long each time that it turned out not to."""
SMOOTHING = 0.05
LONGEST_OUTLIER = 4.0
"""A single picture that took longer than usual by more than this factor was held up by something else."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What libvpx is told, and what it costs: of a whole core of 2026 by itself, measured on footage."""

    deadline: str
    cpu_used: int
    pixel_ns: float
    bit_ns: float
    """Nanoseconds for each pixel, and on top for each bit that it is coded in."""

    def seconds(self, pixels: int, bits: float) -> float:
        """The time to code a picture of so many pixels in so many bits."""
        return (self.pixel_ns * pixels + self.bit_ns * bits) / 1e9


SPEEDS = (
    # As good as cpu-used=-4 of "realtime" in two thirds of its time.
    Speed("good", 5, 6.7, 70),
    # With less than -6 a picture is 0.03 to 1 dB worse, and takes a tenth less time.
    Speed("realtime", -8, 4.9, 51),
    # Beyond, a picture of footage is up to 6 dB worse, and takes more bits than there are.
    Speed("realtime", -12, 4.3, 25),
)
"""From the best picture to the least time. Each is 0.2 to 2 dB better than the next."""


class SpeedChooser:
    """Chooses one of `SPEEDS` by the size of the pictures, their rate, and how long they really take."""

    def __init__(self) -> None:
        self._current = SPEEDS[-1]
        self._slowness = 1.0
        """How many times as long coding takes here and now as it was measured."""
        self._over_since: float | None = None
        self._idle_since: float | None = None
        self._patience = PATIENCE_SECONDS

    def choose(self, pixels: int, bits: float, interval: float, now: float, *, keyframe: bool) -> Speed:
        """The speed for the next picture, of so many pixels and bits, in a stream with one every `interval` seconds.

        A keyframe that has to come anyway is the time to change.
        """
        best = next((speed for speed in SPEEDS if self._share(speed, pixels, bits, interval) < FITS_SHARE), SPEEDS[-1])
        raises = SPEEDS.index(best) - SPEEDS.index(self._current)
        is_over = self._share(self._current, pixels, bits, interval) > TOO_LONG_SHARE
        self._over_since = _since(self._over_since, now, raises > 0 and is_over)
        self._idle_since = _since(self._idle_since, now, raises < 0)
        if keyframe:
            self._take(best)
        elif self._over_since is not None and now - self._over_since >= HURRY_SECONDS:
            self._patience = min(2 * self._patience, MAX_PATIENCE_SECONDS)
            self._take(best)
        elif self._idle_since is not None and now - self._idle_since >= self._patience:
            self._take(best)
        return self._current

    def took(self, seconds: float, pixels: int, bits: float) -> None:
        """Coding a picture at that speed took so long. Keyframes are no measure: they take longer."""
        slowness = seconds / self._current.seconds(pixels, bits)
        self._slowness += SMOOTHING * (min(slowness, LONGEST_OUTLIER * self._slowness) - self._slowness)

    def _share(self, speed: Speed, pixels: int, bits: float, interval: float) -> float:
        return self._slowness * speed.seconds(pixels, bits) / interval

    def _take(self, speed: Speed) -> None:
        self._current = speed
        self._over_since = self._idle_since = None


def _since(before: float | None, now: float, holds: bool) -> float | None:
    """Since when something holds."""
    return (now if before is None else before) if holds else None
