"""Every benchmark, one after the other: `make bench`. Prints the tables, and writes them to benchmarks/RESULTS.md.

The exit code is 0 when every target was met in every run, 1 when one was not or a call failed (twice), 2 for a wrong
option, 130 after Ctrl-C; with --no-gate the targets do not count.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import targets
from benchmarks.call import Times
from benchmarks.machine import describe_machine, load
from benchmarks.run import PARTS, SYSTEMS, USUAL_PARTS, Plan, Run, perform
from benchmarks.stage import Stage
from benchmarks.tables import Table

RESULTS = Path(__file__).parent / "RESULTS.md"
QUICK = {"first_frames": 1, "rounds": 1, "settle": 8.0, "seconds": 4.0}
QUICK_TIMES = Times(settle=2.0, seconds=2.0)
SHORT_TIMES = Times(settle=8.0, seconds=8.0)
USUAL = {"first_frames": 5, "rounds": 2, "settle": 25.0, "seconds": 15.0}

LIMITS = """\
- Figures move from machine to machine and from run to run: compare only inside one run, as ratios.
- Both ends of a call and the relay share this one machine; with few cores they get in each other's way, and what a
  browser costs slows its partner down.
- A page joins once its browser is idle: for a third of a second after it has opened a window, Chrome loads parts of
  its own interface, which takes one of two cores from whoever is in a call.
- The time of a frame starts when the program or page begins to make it, and ends when it has it decoded: camera,
  scaling to a screen and the screen itself are not in it. Chrome hands frames over by `MediaStreamTrackProcessor`,
  and takes them from a `MediaStreamTrackGenerator`: neither waits for the screen. Making a frame of 1280x720 takes
  0.1 ms in all of them.
- The clock in the picture counts whole milliseconds, which adds half a millisecond to every delay.
- Processor time and memory are those of all processes of the system under test, which sends and receives; of Chrome,
  those of the whole browser.
- PSNR and SSIM are of luma, of frames that came; a smaller picture than was sent is stretched to its size first. How
  many frames came, and how long it froze, is in the other table. All systems send the same picture: a still
  scene of smooth shapes, and a part of it that moves in front, which a video call's encoders code well.
- A freeze is a pause of more than three times the usual interval, and at least 150 ms more than it, as W3C
  webrtc-stats has it for `freezeCount`.
- Where Chrome is the sender, the picture is of its making: the receiver's part is what it says the line can carry.
"""


def main() -> int:
    """Measure all, tell how long it took; the exit code."""
    given = _parser().parse_args()
    for what, names, known in (("part", given.only, PARTS), ("system", given.systems, SYSTEMS)):
        if unknown := [name for name in names or () if name not in known]:
            print(f"there is no {what} {unknown[0]!r}: there are {', '.join(known)}", file=sys.stderr)
            return 2
    began, load_before = time.monotonic(), load()
    plan = _plan(given)
    with Stage() as stage:
        runs = [perform(stage, plan) for _ in range(given.runs)]
    verdicts = targets.tabulate([run.verdicts for run in runs])
    if runs[-1].verdicts:
        print(verdicts.as_text(), flush=True)
    minutes = (time.monotonic() - began) / 60
    circumstances = f"Took {minutes:.0f} minutes; load average {load_before} before, {load()} after."
    failures = [failure for run in runs for failure in run.failures]
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    if (results := given.results or (None if given.only or given.systems or given.quick else RESULTS)) is not None:
        results.write_text(_page(verdicts, runs, circumstances, failures))
        print(f"written to {results}")
    met = all(verdict.met for run in runs for verdict in run.verdicts)
    return 0 if not failures and (met or given.no_gate) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_names, help=f"some parts of {','.join(PARTS)}")
    parser.add_argument("--systems", type=_names, help=f"some of {','.join(SYSTEMS)}; the first frame has all")
    parser.add_argument("--quick", action="store_true", help="short calls, to see that all works; no good figures")
    parser.add_argument("--full", action="store_true", help="all lines and formats, and a long call: an hour")
    parser.add_argument("--runs", type=int, default=1, help="everything so many times in a row (default: 1)")
    parser.add_argument("--no-gate", action="store_true", help="exit code 0 also when a target is not met")
    parser.add_argument("--results", type=Path, help=f"the file to write (default: {RESULTS.name}, for a whole run)")
    parser.add_argument("--first-frames", type=int, help="calls of each kind for the first frame (default: 5)")
    parser.add_argument("--rounds", type=int, help="calls of each system for latency and picture (default: 2)")
    parser.add_argument("--settle", type=float, help="at most so many seconds before their steady part (default: 25)")
    parser.add_argument("--seconds", type=float, help="length of the steady part (default: 15)")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _plan(given: argparse.Namespace) -> Plan:
    wanted = QUICK if given.quick else USUAL
    values = {name: usual if getattr(given, name) is None else getattr(given, name) for name, usual in wanted.items()}
    return Plan(
        parts=frozenset(given.only or (PARTS if given.full else USUAL_PARTS)),
        first_frames=int(values["first_frames"]),
        rounds=int(values["rounds"]),
        systems=frozenset(given.systems or SYSTEMS),
        times=Times(values["settle"], values["seconds"]),
        short_times=QUICK_TIMES if given.quick else SHORT_TIMES,
        full=given.full,
    )


def _page(verdicts: Table, runs: Sequence[Run], circumstances: str, failures: Sequence[str]) -> str:
    parts = ["# Results", "Made by `make bench`; don't edit.", describe_machine(), circumstances]
    if failures:
        parts.append("Calls that failed twice: " + "; ".join(failures) + ".")
    if len(runs) > 1:
        parts.append(f"The targets of {len(runs)} runs in a row; the other tables are of the last.")
    parts += [table.as_markdown() for table in (verdicts, *runs[-1].tables)]
    return "\n\n".join([*parts, "## Limits", LIMITS])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
