"""How long it takes from "partner ready" to the first decoded frame, at either end of a new call.

The clock starts when the relay's `ready` reaches the system under test, which has waited in the room; it stops when
the first decoded frame is in the hands of the program, or of the page, that receives.
"""

import argparse
import functools
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rounds import attempt
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median

PAIRS = (("peer", "chrome"), ("peer", "peer"), ("stock", "chrome"), ("node", "chrome"), ("chrome", "chrome"))
TIMEOUT = 40.0


@dataclass(frozen=True, order=True)
class Way:
    """One direction of the calls that are compared."""

    sender: str
    receiver: str
    silent_stun: bool = False

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.sender} to {self.receiver}"


Times = dict[Way, list[float]]
"""Milliseconds, a value for each call."""


def measure(stage: Stage, calls: int, *, subject_offers: bool = True) -> Times:
    """Every pair in turn, again and again: what else the machine does meanwhile meets all of them alike."""
    times: Times = defaultdict(list)
    for _ in range(calls):
        for silent_stun, pair in itertools.product((False, True), PAIRS):
            what = f"first frame, {' and '.join(pair)}{', silent STUN server' if silent_stun else ''}"
            options = CallOptions(silent_stun=silent_stun, subject_offers=subject_offers)
            delays = attempt(stage, what, functools.partial(measure_call, stage, pair, options))
            for way, milliseconds in delays or ():
                times[way].append(milliseconds)
    return times


def measure_call(stage: Stage, pair: tuple[str, str], options: CallOptions) -> list[tuple[Way, float]]:
    """One call, which gives a value for either direction."""
    with stage.call(*pair, options) as ends:
        for end in ends:
            end.wait_for_frame(TIMEOUT)
        subject, partner = (end.report() for end in ends)
    ready = subject.ready_at
    if ready is None:
        raise RuntimeError(f"{pair}: a frame came without a partner")
    return [
        (Way(pair[0], pair[1], options.silent_stun), partner.sightings[0].at - ready),
        (Way(pair[1], pair[0], options.silent_stun), subject.sightings[0].at - ready),
    ]


def tabulate(times: Times, role: str = "offerer") -> Table:
    """Medians with their spread, and what the silent STUN server adds to them."""
    title = f"Partner ready to first decoded frame; who waits is the {role}"
    table = Table(
        title, ["", "ms, median (least-most)", "x Chrome to Chrome", "with silent STUN server", "it adds, ms"]
    )
    reference = median(times.get(Way("chrome", "chrome"), []))
    names = dict.fromkeys(way for pair in PAIRS for way in (Way(pair[0], pair[1]), Way(pair[1], pair[0])))
    for way in sorted(names):
        plain, silent = (times.get(Way(way.sender, way.receiver, stun), []) for stun in (False, True))
        table.add(
            way.name,
            _spread(plain),
            f"{median(plain) / reference:.2f}",
            _spread(silent),
            f"{median(silent) - median(plain):+.0f}",
        )
    return table


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})" if values else FAILED


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_frame", description=__doc__)
    parser.add_argument("--calls", type=int, default=5, help="calls of each kind (default: 5)")
    parser.add_argument("--roles", choices=("offerer", "answerer", "both"), default="offerer", help="of the subject")
    given = parser.parse_args()
    with Stage() as stage:
        for role in ("offerer", "answerer"):
            if given.roles in (role, "both"):
                times = measure(stage, given.calls, subject_offers=role == "offerer")
                print(tabulate(times, role).as_text())


if __name__ == "__main__":
    main()
