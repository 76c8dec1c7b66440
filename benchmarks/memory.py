"""What a long call takes of the memory: with the first frame, a minute later, and at the end."""

import functools
import time
from collections.abc import Sequence

from benchmarks.rounds import attempt
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import FAILED, Table

TIMEOUT = 40.0


def tabulate(stage: Stage, systems: Sequence[str], minutes: float) -> Table:
    """A call of each system with Chrome, `minutes` long."""
    options = CallOptions()
    title = f"Resident memory of a call of {minutes:g} minutes, {options.words}"
    table = Table(title, ["", "MiB with the first frame", "after 1 minute", "at the end"])
    for system in systems:
        resident = attempt(stage, f"long call, {system}", functools.partial(_measure, stage, system, minutes))
        cells = [f"{octets / 2**20:.0f}" for octets in resident] if resident else [FAILED, "-", "-"]
        table.add(system, *cells)
    return table


def _measure(stage: Stage, system: str, minutes: float) -> list[int]:
    with stage.call(system, "chrome", CallOptions()) as (subject, partner):
        for end in (subject, partner):
            end.wait_for_frame(TIMEOUT)
        resident = [subject.usage().resident_bytes]
        for pause in (min(60.0, minutes * 60), max(0.0, minutes * 60 - 60)):
            time.sleep(pause)
            resident.append(subject.usage().resident_bytes)
        return resident
