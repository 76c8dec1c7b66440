"""One run: the parts that were asked for, one after the other, each with its tables and its verdicts on the targets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import codecs, first_frame, formats, latency, line, memory, quality, rounds, sync, targets
from benchmarks.call import Times
from benchmarks.stage import CallOptions, Stage
from benchmarks.systems import VARIANTS
from benchmarks.tables import Table
from benchmarks.targets import Verdict

SYSTEMS = ("peer", "stock", "node", "chrome")
FEWER = ("peer", "stock", "chrome")
"""For the parts with many calls, where the run is not a full one."""


@dataclass(frozen=True)
class Plan:
    """How thorough a run is."""

    parts: frozenset[str]
    systems: frozenset[str]
    first_frames: int
    """Calls of each kind."""
    rounds: int
    """Calls of each system for latency and picture."""
    times: Times
    short_times: Times
    """Of those that are one of many."""
    full: bool
    """All lines and all formats, and a long call."""

    def some(self, systems: Sequence[str]) -> list[str]:
        """Those of them that were asked for."""
        return [system for system in systems if system in self.systems]


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
    measured = rounds.measure(stage, plan.some(SYSTEMS), options, plan.rounds, plan.times)
    run.verdicts += targets.judge_calls(measured)
    yield latency.tabulate(measured, options)
    yield quality.tabulate(measured, options)


def measure_footage(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """The same of calls that send a film, which costs an encoder more than the usual picture."""
    options = CallOptions(samples=True, footage=True)
    measured = rounds.measure(stage, plan.some(SYSTEMS), options, plan.rounds, plan.times)
    yield latency.tabulate(measured, options)
    yield quality.tabulate(measured, options)


def measure_variants(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """The peer with other policies, and without the seam: one short call of each."""
    measured = rounds.measure(stage, VARIANTS, CallOptions(), 1, plan.short_times)
    yield latency.tabulate(measured, CallOptions(), "Variants of the peer, one short call each")


def measure_lines(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """Latency and picture over long and poor lines."""
    stage.forget_browsers()  # those on the line are others
    lines, systems = (line.ALL_LINES, SYSTEMS) if plan.full else (line.SOME_LINES, FEWER)
    with line.LineStage(stage.playwright) as line_stage:
        yield line.tabulate(line_stage, plan.some(systems), lines, plan.short_times)
        stage.failures += line_stage.failures


def measure_formats(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """Latency and picture of other sizes, rates and codecs."""
    chosen, systems = (
        (formats.ALL_FORMATS, SYSTEMS) if plan.full else (formats.SOME_FORMATS, ("peer", "node", "chrome"))
    )
    yield formats.tabulate(stage, systems, chosen, plan.short_times)


def measure_codecs(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """Encoders by themselves."""
    yield codecs.tabulate()


def measure_sync(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """Picture and sound of a recording."""
    yield sync.tabulate(stage, seconds=30.0 if plan.full else 10.0)


def measure_memory(stage: Stage, plan: Plan, run: Run) -> Iterator[Table]:
    """A long call: only in a full run, or when asked for."""
    yield memory.tabulate(stage, plan.some(SYSTEMS[:-1]), minutes=5.0)


PARTS: dict[str, Part] = {
    "first-frame": measure_first_frames,
    "calls": measure_calls,
    "footage": measure_footage,
    "variants": measure_variants,
    "lines": measure_lines,
    "formats": measure_formats,
    "codecs": measure_codecs,
    "sync": measure_sync,
    "memory": measure_memory,
}
USUAL_PARTS = frozenset(PARTS) - {"memory"}


def perform(stage: Stage, plan: Plan) -> Run:
    """All parts of the plan; each table is printed as soon as it is there. A part that can't be is a failure."""
    run = Run()
    for name, part in PARTS.items():
        if name not in plan.parts:
            continue
        try:
            for table in part(stage, plan, run):
                run.tables.append(table)
                print(table.as_text(), flush=True)
        except rounds.ERRORS as error:
            stage.failures.append(f"{name}: {error}")
    run.failures, stage.failures = stage.failures, []
    return run
