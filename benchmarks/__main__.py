"""Every benchmark, one after the other: `make bench`. Prints the tables, and writes them to benchmarks/RESULTS.md."""

import argparse
import time
from pathlib import Path

from benchmarks import first_frame, latency
from benchmarks.machine import describe_machine, load
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import Table

RESULTS = Path(__file__).parent / "RESULTS.md"

LIMITS = """\
- Figures move from machine to machine and from run to run: compare only inside one run, as ratios.
- Both ends of a call and the relay share this one machine; with few cores they get in each other's way, and what a
  browser costs slows its partner down.
- The time of a frame starts when the program or page begins to make it, and ends when it has it decoded: camera,
  scaling to a screen and the screen itself are not in it. Chrome hands frames over by `MediaStreamTrackProcessor`,
  and takes them from a `MediaStreamTrackGenerator`: neither waits for the screen.
- The clock in the picture counts whole milliseconds, which adds half a millisecond to every delay.
- Nothing is lost and nothing waits on this network, which is the machine's own.
"""


def main() -> None:
    """Measure all, tell how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="calls of each kind for the first frame (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="calls of each system for the latency (default: 3)")
    parser.add_argument("--seconds", type=float, default=15.0, help="steady part of each of these (default: 15)")
    parser.add_argument("--settle", type=float, default=40.0, help="at most so long before it (default: 40)")
    given = parser.parse_args()
    began, load_before = time.monotonic(), load()
    tables: list[Table] = []
    with Stage() as stage:
        tables.append(first_frame.tabulate(first_frame.measure(stage, given.runs, subject_offers=True)))
        print(tables[-1].as_text(), flush=True)
        measured = latency.measure(stage, latency.SYSTEMS, CallOptions(), given.rounds, given.settle, given.seconds)
        tables.append(latency.tabulate(measured, CallOptions()))
        print(tables[-1].as_text(), flush=True)
    minutes = (time.monotonic() - began) / 60
    RESULTS.write_text(_page(tables, f"Took {minutes:.0f} minutes; load average {load_before} before, {load()} after."))
    print(f"written to {RESULTS}")


def _page(tables: list[Table], circumstances: str) -> str:
    parts = ["# Results", "Made by `make bench`; don't edit.", describe_machine(), circumstances]
    return "\n\n".join([*parts, *(table.as_markdown() for table in tables), "## Limits", LIMITS])


if __name__ == "__main__":
    main()
