"""Glass to glass: from making a frame to having it, decoded, in the receiver's hands; and what that costs.

Each system is in a call with Chrome that goes both ways, with sound. What comes before both see the full size is left
out, as are the first seconds, in which encoders and estimates of the line settle. Every row stands beside Chrome to
Chrome, measured in the same round.
"""

import math

from benchmarks.call import Direction, Measurement
from benchmarks.rounds import Measured, ways
from benchmarks.stage import CallOptions
from benchmarks.systems import CHROME
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median


def tabulate(measured: Measured, options: CallOptions, title: str = "Glass to glass") -> Table:
    """The median of the rounds, and its ratio to Chrome to Chrome in the same rounds."""
    headings = ["", "ms p50 / p95 / p99", "x p50", "frames/s", "freezes", "at full size", "cores", "MiB, from - to"]
    table = Table(f"{title}, {options.words}", headings)
    reference = median(one.out.delay(50) for one in measured.get(CHROME, []))
    for system, rounds in measured.items():
        for name, directions in ways(system, rounds):
            if directions:
                table.add(name, *_row(directions, reference), *_costs(rounds))
            else:
                table.add(name, FAILED, *["-"] * 6)
    return table


def _row(directions: list[Direction], reference: float) -> list[str]:
    percentiles = [median(one.delay(percent) for one in directions) for percent in (50, 95, 99)]
    return [
        " / ".join(f"{value:.0f}" for value in percentiles),
        "-" if math.isnan(reference) else f"{percentiles[0] / reference:.2f}",
        f"{median(one.rate for one in directions):.1f}",
        f"{sum(one.freezes for one in directions)}",
        f"{100 * median(one.full_size_share for one in directions):.0f} %",
    ]


def _costs(rounds: list[Measurement]) -> list[str]:
    memory = [median(one.first_mib for one in rounds), median(one.last_mib for one in rounds)]
    return [f"{median(one.cores for one in rounds):.2f}", f"{memory[0]:.0f} - {memory[1]:.0f}"]
