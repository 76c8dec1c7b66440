"""One measured call between a system and Chrome, both ways, with sound: its first seconds, and its steady part."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.browser import ChromeEnd
from benchmarks.ends import End
from benchmarks.picture import MovingPicture
from benchmarks.samples import FIRST_MS, Likeness, Sample, compare
from benchmarks.stage import CallOptions, Stage
from benchmarks.watch import Watch, percentile

TIMEOUT = 40.0
SHORTEST_SETTLING = 6.0
MOST_COMPARED = 10
"""Frames of the first and of the steady part each: comparing takes longer than coding."""


@dataclass(frozen=True)
class Times:
    """What a call takes, in seconds."""

    settle: float
    """At most so long until both ends see the full size; encoders and estimates of the line settle meanwhile."""
    seconds: float
    """The steady part, after it."""


@dataclass(frozen=True)
class Direction:
    """What one end saw of the other."""

    steady: Watch
    first: Watch
    """The first five seconds, from the first frame."""
    full_size_after: float | None
    """Seconds from the partner's being ready to the first frame of full size."""
    full_size_share: float
    """Of the frames in the steady part."""
    freezes: int
    """In the steady part."""
    first_likeness: Sequence[Likeness]
    steady_likeness: Sequence[Likeness]
    first_quantizer: float | None
    """The mean over the frames, as Chrome counts it (`qpSum`); None without a frame."""
    steady_quantizer: float | None
    limited_by: str
    """What Chrome, as the sender, says limits its quality at the end; empty for other senders."""

    def delay(self, percent: float) -> float:
        """A percentile of the steady part, in milliseconds."""
        return percentile(self.steady.delays, percent)

    @property
    def rate(self) -> float:
        """Frames per second of the steady part."""
        return 1000 * len(self.steady.sightings) / self.steady.length


@dataclass(frozen=True)
class Measurement:
    """One call between a system and Chrome."""

    out: Direction
    """From the system to Chrome."""
    back: Direction
    """From Chrome to the system."""
    cores: float
    """Processor time of the system over the steady part, by its length."""
    partner_cores: float
    first_mib: float
    """Resident memory of the system with the first frame."""
    last_mib: float
    """At the end."""


@dataclass(frozen=True)
class Seen:
    """All that one end reports at the end of a call, with Chrome's counts of the video that it receives."""

    watch: Watch
    samples: list[Sample]
    counts: list[dict[str, Any]]
    """At the first frame, five seconds later, and around the steady part."""
    limited_by: str


def measure_call(stage: Stage, subject: str, options: CallOptions, times: Times) -> Measurement:
    """Be in a call until it has settled, and measure."""
    with stage.call(subject, "chrome", options) as ends:
        for end in ends:
            end.wait_for_frame(TIMEOUT)
        counts, memory = [_counts(ends)], ends[0].usage().resident_bytes
        time.sleep(min(FIRST_MS / 1000, times.settle))
        counts.append(_counts(ends))
        _settle(ends, options, times.settle - FIRST_MS / 1000)
        counts.append(_counts(ends))
        start, before = time.time() * 1000, [end.usage() for end in ends]
        time.sleep(times.seconds)
        stop, after = time.time() * 1000, [end.usage() for end in ends]
        counts.append(_counts(ends))
        cores = [
            (later.processor_seconds - earlier.processor_seconds) / (stop - start) * 1000
            for earlier, later in zip(before, after, strict=True)
        ]
        seen = [
            Seen(end.report(), end.samples() if options.samples else [], [count[place] for count in counts], limit)
            for place, (end, limit) in enumerate(zip(ends, _limits(ends), strict=True))
        ]
    picture = stage.picture(options)
    back, out = (_direction(one, options, picture, start, stop) for one in seen)
    return Measurement(out, back, cores[0], cores[1], memory / 2**20, after[0].resident_bytes / 2**20)


def _counts(ends: tuple[End, End]) -> list[dict[str, Any]]:
    """What Chrome counts of the video towards each end: as the receiver, else as the sender."""
    stats = [end.stats() if isinstance(end, ChromeEnd) else {} for end in ends]
    return [
        own.get("inbound-rtp") or other.get("outbound-rtp") or {}
        for own, other in zip(stats, reversed(stats), strict=True)
    ]


def _limits(ends: tuple[End, End]) -> Iterator[str]:
    """For each end what limits its partner."""
    for end in reversed(ends):
        sent = end.stats().get("outbound-rtp", {}) if isinstance(end, ChromeEnd) else {}
        yield str(sent.get("qualityLimitationReason", ""))


def _settle(ends: tuple[End, End], options: CallOptions, limit: float) -> None:
    """Wait until both see the full size: small pictures are quick. Browsers begin with them, and some stay so."""
    deadline = time.monotonic() + limit
    time.sleep(max(0.0, min(SHORTEST_SETTLING - FIRST_MS / 1000, limit)))
    while time.monotonic() < deadline:
        if all(end.last().reached(options.width, options.height) for end in ends):
            return
        time.sleep(0.5)


def _direction(seen: Seen, options: CallOptions, picture: MovingPicture, start: float, stop: float) -> Direction:
    watch = seen.watch
    steady = watch.between(start, stop)
    begun = watch.sightings[0].at
    full = watch.reached(options.width, options.height)
    sizes = [(one.width, one.height) for one in steady.sightings]
    return Direction(
        steady=steady,
        first=watch.between(begun, begun + FIRST_MS),
        full_size_after=None if full is None or watch.ready_at is None else (full - watch.ready_at) / 1000,
        full_size_share=sizes.count((options.width, options.height)) / max(1, len(sizes)),
        freezes=len(steady.freezes(options.fps)),
        first_likeness=_compare(seen.samples, picture, begun, begun + FIRST_MS),
        steady_likeness=_compare(seen.samples, picture, start, stop),
        first_quantizer=_mean_quantizer(seen.counts[0], seen.counts[1]),
        steady_quantizer=_mean_quantizer(seen.counts[2], seen.counts[3]),
        limited_by=seen.limited_by,
    )


def _compare(samples: list[Sample], picture: MovingPicture, start: float, stop: float) -> list[Likeness]:
    within = [sample for sample in samples if start <= sample.sighting.at < stop]
    step = max(1.0, len(within) / MOST_COMPARED)
    return compare([within[int(number * step)] for number in range(min(len(within), MOST_COMPARED))], picture)


def _mean_quantizer(earlier: dict[str, Any], later: dict[str, Any]) -> float | None:
    frames = "framesDecoded" if "framesDecoded" in later else "framesEncoded"
    count = later.get(frames, 0) - earlier.get(frames, 0)
    return (later.get("qpSum", 0) - earlier.get("qpSum", 0)) / count if count > 0 and "qpSum" in later else None
