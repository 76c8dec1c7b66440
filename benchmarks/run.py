"""One run: the parts that were asked for, one after the other, each with its tables and its verdicts on the targets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks import first_frame, latency, quality, rounds, targets
from benchmarks.call import Times
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import Table
from benchmarks.targets import Verdict

SYSTEMS = ("peer", "stock", "node", "chrome")


@dataclass(frozen=True)
class Plan:
    """How thorough a run is."""

    parts: frozenset[str]
    first_frames: int
    """Calls of each kind."""
    rounds: int
    """Calls of each system for latency and picture."""
    times: Times


@dataclass
class Run:
    """What came out."""

    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


Part = Callable[[Stage, Plan, Run], Iterator[Table]]


def measure_first_frames(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """The first frame."""
    times = first_frame.measure(stage, plan.first_frames)
    run.verdicts += targets.judge_first_frames(times)
    yield first_frame.tabulate(times)


def measure_calls(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """Latency, cost, picture and size of a good call."""
    options = CallOptions(samples=True)
    measured = rounds.measure(stage, SYSTEMS, options, plan.rounds, plan.times)
    run.verdicts += targets.judge_calls(measured)
    yield latency.tabulate(measured, options)
    yield quality.tabulate(measured, options)


PARTS: dict[str, Part] = {"first-frame": measure_first_frames, "calls": measure_calls}


def perform(stage: Stage, plan: Plan) -> Run:
    """All parts of the plan; each table is printed as soon as it is there."""
    run = Run()
    for name, part in PARTS.items():
        if name in plan.parts:
            for table in part(stage, plan, run):
                run.tables.append(table)
                print(table.as_text(), flush=True)
    run.failures, stage.failures = stage.failures, []
    return run
