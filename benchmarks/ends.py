"""The ends of calls, each behind the same few methods; those here are programs of their own, `browser.py` has pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from benchmarks.end import EndOptions
from benchmarks.samples import Sample, read_samples
from benchmarks.watch import Watch
from tests.network.processes import Process

HERE = Path(__file__).parent
REPOSITORY = HERE.parent


@dataclass(frozen=True)
class Usage:
    """What processes take of the machine."""

    processor_seconds: float
    """User and system time so far."""
    resident_bytes: int

    @classmethod
    def of(cls, roots: list[psutil.Process]) -> "Usage":
        """Of these processes and all below them."""
        seconds, resident = 0.0, 0
        for root in roots:
            for process in (root, *root.children(recursive=True)):
                times = process.cpu_times()
                seconds += times.user + times.system
                resident += process.memory_info().rss
        return cls(seconds, resident)


class End(Protocol):
    """One end of a call: in the room from the time that it is made."""

    def wait_for_frame(self, timeout: float) -> None:
        """Return when the first decoded frame is there."""

    def report(self) -> Watch:
        """All that it saw so far."""

    def last(self) -> Watch:
        """The last that it saw."""

    def samples(self) -> list[Sample]:
        """The frames that it kept so far."""

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""

    def close(self) -> None:
        """Out of the call, and gone."""


class ProgramEnd:
    """A program of its own, as `benchmarks.end` describes it."""

    def __init__(self, command: Sequence[str], options: EndOptions, env: Mapping[str, str] | None = None) -> None:
        self._options = options
        self._process = Process([*command, options.to_json()], cwd=REPOSITORY, env=env)
        self._process.wait_for('"joined"', timeout=30)

    def wait_for_frame(self, timeout: float) -> None:
        """Return when the first decoded frame is there."""
        self._process.wait_for('"event": ?"frame"', timeout=timeout)

    def report(self) -> Watch:
        """All that it saw so far."""
        return self._ask("report")

    def last(self) -> Watch:
        """The last that it saw."""
        return self._ask("last")

    def _ask(self, request: str) -> Watch:
        start = len(self._process.stdout)
        self._process.send(request)
        line = self._process.wait_for('"event": ?"report"', start=start).string
        return Watch.from_json(json.loads(line))

    def samples(self) -> list[Sample]:
        """The frames that it kept so far."""
        numbers = [int(file.name) for file in Path(self._options.samples).iterdir()]
        sightings = self.report().sightings  # the program writes one thing after the other: these files are whole now
        return read_samples(Path(self._options.samples), sorted(numbers), sightings)

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""
        return Usage.of([psutil.Process(self._process.pid)])

    def close(self) -> None:
        """Out of the call, and gone."""
        self._process.kill()
