"""Calls over lines that are long or poor: each end on a host of its own, with a router in user space between them.

The hosts are network namespaces, and need root. The relay is beside the first of them.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import quality, rounds
from benchmarks.call import Direction, Times
from benchmarks.rounds import ways
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median
from tests.network.namespaces import Network
from tests.network.router import Router
from tests.network.shaping import Conditions


@dataclass(frozen=True)
class Line:
    """What the line does to packets, in both directions alike."""

    name: str
    conditions: Conditions


GOOD = Line("nothing", Conditions())
SOME_LINES = (
    GOOD,
    Line("5 % loss, 50 ms round trip", Conditions(loss=0.05, delay=0.025)),
    Line("1 Mbit/s", Conditions(rate=1e6, delay=0.01)),
)
ALL_LINES = (
    GOOD,
    *(Line(f"{percent} % loss", Conditions(loss=percent / 100)) for percent in (1, 5, 10)),
    *(Line(f"{ms} ms round trip", Conditions(delay=ms / 2000)) for ms in (20, 50, 100)),
    Line("50 ms round trip, jitter to 30 ms", Conditions(delay=0.025, jitter=0.03)),
    *SOME_LINES[1:],
)


class LineStage(Stage):
    """A stage with a line between the two places of a call."""

    def _make_hosts(self, stack: contextlib.ExitStack) -> str:
        network = stack.enter_context(Network())
        one, other = network.namespace("one"), network.namespace("other")
        self._router = stack.enter_context(Router(one, other))
        # Browsers find their addresses by the default route.
        one.route("default", via=self._router.b_address)
        other.route("default", via=self._router.a_address)
        self._hosts = (one, other)
        return self._router.a_address

    def set_line(self, line: Line) -> None:
        """Change what happens to packets from now on."""
        self._router.set(toward_a=line.conditions, toward_b=line.conditions)


def tabulate(stage: LineStage, systems: Sequence[str], lines: Sequence[Line], times: Times) -> Table:
    """A call of each system over each line."""
    options = CallOptions(samples=True)
    headings = ["", "ms p50 / p95 / p99", "frames/s", "freezes", "frozen, s", "PSNR dB", "SSIM", "at full size"]
    table = Table(f"What a line does to a call, {options.words}", headings)
    for line in lines:
        stage.set_line(line)
        for system, calls in rounds.measure(stage, systems, options, 1, times).items():
            for name, directions in ways(system, calls):
                cells = _row(directions[0], options) if directions else [FAILED, *["-"] * 6]
                table.add(f"{line.name}: {name}", *cells)
    return table


def _row(one: Direction, options: CallOptions) -> list[str]:
    return [
        " / ".join(f"{one.delay(percent):.0f}" for percent in (50, 95, 99)),
        f"{one.rate:.1f}",
        f"{one.freezes}",
        f"{sum(one.steady.freezes(options.fps)) / 1000:.1f}",
        f"{median([quality.mean_psnr(one.steady_likeness)]):.1f}",
        f"{median([quality.mean_ssim(one.steady_likeness)]):.3f}",
        f"{100 * one.full_size_share:.0f} %",
    ]
