"""Calls of several systems in turn, again and again, and what becomes of those that fail."""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from playwright.sync_api import Error as PlaywrightError

from benchmarks.call import Direction, Measurement, Times, measure_call
from benchmarks.stage import CallOptions, Stage
from benchmarks.systems import CHROME, can_code
from tests.network.errors import HarnessError

Result = TypeVar("Result")
ERRORS = (HarnessError, PlaywrightError, RuntimeError, OSError)
"""What a program or browser that fails, or a machine that lacks something, comes out as."""
Measured = dict[str, list[Measurement]]
"""By system, a measurement for each round."""


def attempt(stage: Stage, what: str, measure: Callable[[], Result]) -> Result | None:
    """The result; if that fails twice, None, and the stage remembers it: one call must not cost all others."""
    for last in (False, True):
        try:
            return measure()
        except ERRORS as error:
            print(f"{what} failed{'' if last else ', once more'}: {error}", file=sys.stderr, flush=True)
            stage.forget_browsers()
    stage.failures.append(what)
    return None


def measure(stage: Stage, systems: Sequence[str], options: CallOptions, rounds: int, times: Times) -> Measured:
    """All systems in turn, again and again: what else the machine does meanwhile meets all of them alike."""
    able = [system for system in systems if can_code(system, options.codec)]
    measured: Measured = {system: [] for system in able}
    for _ in range(rounds):
        for system in able:
            what = f"{system} and chrome, {options.words}"
            one = attempt(stage, what, functools.partial(measure_call, stage, system, options, times))
            if one is not None:
                measured[system].append(one)
    return measured


def ways(system: str, rounds: Sequence[Measurement]) -> Iterator[tuple[str, list[Direction]]]:
    """Both directions by their names; Chrome to Chrome has but one."""
    yield f"{system} to chrome", [one.out for one in rounds]
    if system != CHROME:
        yield f"chrome to {system}", [one.back for one in rounds]
