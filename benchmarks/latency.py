"""Glass to glass: from making a frame to having it, decoded, in the receiver's hands; and what that costs.

Each system is in a call with Chrome that goes both ways, with sound. What comes before both see the full size is left
out, as are the first seconds, in which encoders and estimates of the line settle. Every row stands beside Chrome to
Chrome, measured in the same round.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.ends import End
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import Table
from benchmarks.watch import Watch, median, percentile

TIMEOUT = 40.0
SHORTEST_SETTLING = 6.0
SYSTEMS = ("peer", "stock", "chrome")
REFERENCE = "chrome"


@dataclass(frozen=True)
class Direction:
    """What one end saw of the other."""

    steady: Watch
    full_size_after: float | None
    """Seconds from the partner's being ready to the first frame of full size."""
    full_size_share: float
    """Of the frames in the steady part."""
    freezes: int

    def delay(self, percent: float) -> float:
        """A percentile, in milliseconds."""
        return percentile(self.steady.delays, percent)


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
    resident_mib: float


Measured = dict[str, list[Measurement]]
"""By system, a measurement for each round."""


def measure(
    stage: Stage, systems: Sequence[str], options: CallOptions, rounds: int, settle: float, seconds: float
) -> Measured:
    """All systems in turn, again and again: what else the machine does meanwhile meets all of them alike."""
    measured: Measured = defaultdict(list)
    for _ in range(rounds):
        for system in systems:
            measured[system].append(measure_call(stage, system, options, settle, seconds))
    return measured


def measure_call(stage: Stage, subject: str, options: CallOptions, settle: float, seconds: float) -> Measurement:
    """Be in a call until it has settled, in `settle` seconds at most, and measure for `seconds`."""
    with stage.call(subject, "chrome", options) as ends:
        for end in ends:
            end.wait_for_frame(TIMEOUT)
        _settle(ends, options, settle)
        start, before = time.time() * 1000, [end.usage() for end in ends]
        time.sleep(seconds)
        stop, after = time.time() * 1000, [end.usage() for end in ends]
        cores = [
            (later.processor_seconds - earlier.processor_seconds) / (stop - start) * 1000
            for earlier, later in zip(before, after, strict=True)
        ]
        back, out = (_direction(end, options, start, stop) for end in ends)
        return Measurement(out, back, cores[0], cores[1], after[0].resident_bytes / 2**20)


def _settle(ends: tuple[End, End], options: CallOptions, limit: float) -> None:
    """Wait until both see the full size: small pictures are quick. Browsers begin with them, and some stay so."""
    deadline = time.monotonic() + limit
    time.sleep(min(SHORTEST_SETTLING, limit))
    while time.monotonic() < deadline:
        if all(end.last().reached(options.width, options.height) for end in ends):
            return
        time.sleep(0.5)


def _direction(receiver: End, options: CallOptions, start: float, stop: float) -> Direction:
    watch = receiver.report()
    steady = watch.between(start, stop)
    full = watch.reached(options.width, options.height)
    sizes = [(seen.width, seen.height) for seen in steady.sightings]
    return Direction(
        steady=steady,
        full_size_after=None if full is None or watch.ready_at is None else (full - watch.ready_at) / 1000,
        full_size_share=sizes.count((options.width, options.height)) / max(1, len(sizes)),
        freezes=len(steady.freezes(options.fps)),
    )


def tabulate(measured: Measured, options: CallOptions) -> Table:
    """The median of the rounds, and its ratio to Chrome to Chrome in the same rounds."""
    title = f"Glass to glass, {options.width}x{options.height} at {options.fps:g} frames/s, {options.codec}"
    table = Table(
        title,
        ["", "ms p50 / p95 / p99", "x p50", "frames/s", "freezes", "full size after", "at full size", "cores", "MiB"],
    )
    reference = median(one.out.delay(50) for one in measured[REFERENCE])
    for system, rounds in measured.items():
        ways = (
            (f"{system} to chrome", [one.out for one in rounds]),
            (f"chrome to {system}", [one.back for one in rounds]),
        )
        for name, directions in ways if system != REFERENCE else ways[:1]:
            table.add(name, *_row(directions, reference), *_costs(rounds))
    return table


def _row(directions: list[Direction], reference: float) -> list[str]:
    percentiles = [median(one.delay(percent) for one in directions) for percent in (50, 95, 99)]
    rates = [1000 * len(one.steady.sightings) / _length(one.steady) for one in directions]
    full = [one.full_size_after for one in directions if one.full_size_after is not None]
    return [
        " / ".join(f"{value:.0f}" for value in percentiles),
        f"{percentiles[0] / reference:.2f}",
        f"{median(rates):.1f}",
        f"{sum(one.freezes for one in directions)}",
        f"{median(full):.1f} s" if len(full) == len(directions) else "not in time",
        f"{100 * median(one.full_size_share for one in directions):.0f} %",
    ]


def _costs(rounds: list[Measurement]) -> list[str]:
    return [f"{median(one.cores for one in rounds):.2f}", f"{median(one.resident_mib for one in rounds):.0f}"]


def _length(watch: Watch) -> float:
    return max(1.0, watch.sightings[-1].at - watch.sightings[0].at) if watch.sightings else 1.0


def parse_size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT."""
    width, height = text.split("x")
    return int(width), int(height)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, help="each in a call with Chrome")
    parser.add_argument("--size", type=parse_size, default=(1280, 720), help="WIDTHxHEIGHT (default: 1280x720)")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--codec", default="VP8", choices=("VP8", "H264"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settle", type=float, default=40.0, help="most seconds before the steady part (default: 40)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the steady part (default: 20)")
    given = parser.parse_args()
    options = CallOptions(width=given.size[0], height=given.size[1], fps=given.fps, codec=given.codec)
    with Stage() as stage:
        measured = measure(stage, given.systems, options, given.rounds, given.settle, given.seconds)
    print(tabulate(measured, options).as_text())


if __name__ == "__main__":
    main()
