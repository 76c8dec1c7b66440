"""What the project sets itself, each as a ratio to a reference of the same run, or as a time; and whether it was met.

A target whose figures are missing, because a call failed, is not met.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import first_frame, quality
from benchmarks.call import Direction
from benchmarks.first_frame import Way
from benchmarks.rounds import Measured
from benchmarks.tables import Table
from benchmarks.watch import median

LEAST_RATE, LEAST_SHARE = 28.5, 0.95
"""Of 30 frames a second, and of their being of full size."""


@dataclass(frozen=True)
class Verdict:
    """One target in one run."""

    what: str
    figure: str
    target: str
    met: bool


def judge_calls(measured: Measured) -> list[Verdict]:
    """Those of latency, processor time, picture and size."""
    out = {system: [one.out for one in rounds] for system, rounds in measured.items()}
    back = {system: [one.back for one in rounds] for system, rounds in measured.items()}
    cores = {system: median(one.cores for one in rounds) for system, rounds in measured.items()}
    nan = float("nan")
    latency_out = _delay(out, "peer") / _delay(out, "chrome")
    latency_back = _delay(back, "peer") / _delay(back, "node")
    full = [one.full_size_after for one in back.get("peer", [])]
    return [
        _at_most("latency p50, peer to Chrome", latency_out, 0.35, "x Chrome to Chrome"),
        _sends_all("what the peer sends while it is measured", out.get("peer", [])),
        _at_most("latency p50, Chrome to peer", latency_back, 0.4, "x Chrome to Node"),
        _at_most("processor time", cores.get("peer", nan) / cores.get("node", nan), 0.9, "x Node"),
        _no_worse("PSNR, first 5 s", out, lambda one: quality.mean_psnr(one.first_likeness)),
        _no_worse("PSNR, steady", out, lambda one: quality.mean_psnr(one.steady_likeness)),
        _at_most(
            "Chrome sends full size to the peer after",
            median([float("inf") if after is None else after for after in full]),
            6.0,
            "s",
        ),
    ]


def judge_first_frames(times: first_frame.Times) -> list[Verdict]:
    """Those of the first frame, with and without a STUN server that can't be reached."""
    verdicts = []
    for way in (Way("peer", "chrome"), Way("chrome", "peer")):
        name = way.name.replace("chrome", "Chrome")
        verdicts.append(_at_most(f"ready to first frame, {name}", median(times.get(way, [])), 250, "ms", digits=0))
    for way in (Way("peer", "chrome"), Way("chrome", "peer")):
        name = way.name.replace("chrome", "Chrome")
        silent = median(times.get(Way(way.sender, way.receiver, silent_stun=True), []))
        added = (silent - median(times.get(way, []))) / 1000
        verdicts.append(_at_most(f"a silent STUN server adds, {name}", added, 0.1, "s"))
    return verdicts


def tabulate(runs: Sequence[Sequence[Verdict]]) -> Table:
    """A row for each target, a column for each run."""
    columns = ["this run"] if len(runs) == 1 else [f"run {number}" for number in range(1, len(runs) + 1)]
    table = Table("Targets", ["", "target", *columns, "met"])
    for row in zip(*runs, strict=True):
        met = sum(verdict.met for verdict in row)
        words = "yes" if met == len(row) else "NO" if len(row) == 1 else f"NO, {met} of {len(row)}"
        table.add(row[0].what, row[0].target, *(verdict.figure for verdict in row), words)
    return table


def _at_most(what: str, figure: float, limit: float, unit: str, digits: int = 2) -> Verdict:
    words = "no figure" if math.isnan(figure) else "never" if figure == math.inf else f"{figure:.{digits}f} {unit}"
    return Verdict(what, words, f"at most {limit:g} {unit}", figure <= limit)


def _sends_all(what: str, directions: list[Direction]) -> Verdict:
    """Few or small pictures would be quick and cheap: latency and processor time count for all of them only."""
    rate, share = median(one.rate for one in directions), median(one.full_size_share for one in directions)
    words = f"{rate:.1f} frames/s, {100 * share:.0f} % at full size" if directions else "no figure"
    return Verdict(
        what, words, f"at least {LEAST_RATE:g}, {100 * LEAST_SHARE:g} %", rate >= LEAST_RATE and share >= LEAST_SHARE
    )


def _no_worse(what: str, out: dict[str, list[Direction]], measure: Callable[[Direction], float]) -> Verdict:
    """Compared as it is shown, in tenths of a decibel."""
    ours, theirs = (round(median(map(measure, out.get(system, []))), 1) for system in ("peer", "node"))
    target = "no worse than Node to Chrome"
    words = "no figure" if math.isnan(ours + theirs) else f"{ours:.1f} dB, Node {theirs:.1f} dB"
    return Verdict(f"{what}, peer to Chrome", words, target, ours >= theirs)


def _delay(directions: dict[str, list[Direction]], system: str) -> float:
    return median(one.delay(50) for one in directions.get(system, []))
