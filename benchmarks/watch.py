"""What a receiver saw: every frame, when it came and what was written on it."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.barcode import delay_ms


class Sighting(NamedTuple):
    """A decoded frame in the receiver's hands. Times in milliseconds of Unix time; both numbers None if unreadable."""

    at: float
    counter: int | None
    clock_ms: int | None
    width: int
    height: int

    @property
    def delay(self) -> float | None:
        """Glass to glass, in milliseconds."""
        return None if self.clock_ms is None else delay_ms(self.at, self.clock_ms)


@dataclass(frozen=True)
class Watch:
    """All that one end of a call reports. Times in milliseconds of Unix time."""

    ready_at: float | None
    sightings: Sequence[Sighting]

    @classmethod
    def from_json(cls, report: dict[str, Any]) -> "Watch":
        """From what an end's `report` gives."""
        return cls(report["ready"], [Sighting(*values) for values in report["sightings"]])

    @property
    def first_frame_after(self) -> float | None:
        """Milliseconds from the partner's being ready to the first decoded frame."""
        if self.ready_at is None or not self.sightings:
            return None
        return self.sightings[0].at - self.ready_at

    def between(self, start: float, end: float) -> "Watch":
        """The part of it within these times."""
        return Watch(self.ready_at, [seen for seen in self.sightings if start <= seen.at < end])

    @property
    def length(self) -> float:
        """Milliseconds from the first to the last frame, at least one."""
        return max(1.0, self.sightings[-1].at - self.sightings[0].at) if self.sightings else 1.0

    @property
    def delays(self) -> list[float]:
        """Of all frames that can be read, in their order."""
        return [seen.delay for seen in self.sightings if seen.delay is not None]

    def reached(self, width: int, height: int) -> float | None:
        """When the first frame of at least this size came."""
        return next((seen.at for seen in self.sightings if seen.width >= width and seen.height >= height), None)

    def freezes(self, fps: float) -> list[float]:
        """Pauses between frames, in milliseconds, that a person sees (W3C webrtc-stats, `freezeCount`).

        Those longer than three times the usual interval, and at least 150 ms more than it.
        """
        pauses = [later.at - earlier.at for earlier, later in zip(self.sightings, self.sightings[1:], strict=False)]
        usual = 1000 / fps
        return [pause for pause in pauses if pause > max(3 * usual, usual + 150)]


def percentile(values: Iterable[float], percent: float) -> float:
    """By linear interpolation; NaN without values."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Iterable[float]) -> float:
    """NaN without values."""
    known = list(values)
    return statistics.median(known) if known else float("nan")
