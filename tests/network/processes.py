"""A program under test: started, read line by line, waited for, stopped or killed.

Works in a namespace and outside one:

    with Process([*namespace.command(), "peer", "--json"]) as peer:
        peer.wait_for(r'"event": "connected"', timeout=10)
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from tests.network.errors import HarnessError


class Process:
    """A running program in its own process group, its two outputs kept as lists of lines without ends."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.argv = list(argv)
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, lines), daemon=True)
            for pipe, lines in ((self._popen.stdout, self.stdout), (self._popen.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._popen.poll()

    def send(self, line: str) -> None:
        """Write a line to the program's standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()

    def wait_for(self, pattern: str, *, timeout: float = 15.0, start: int = 0, error: bool = False) -> re.Match[str]:
        """The first line, from number `start` on, in which `pattern` is found: of stdout, or of stderr if `error`.

        Fails with all that the program wrote when it ends or `timeout` seconds pass without such a line.
        """
        lines = self.stderr if error else self.stdout
        expression = re.compile(pattern)
        deadline = time.monotonic() + timeout
        position = start
        with self._changed:
            while True:
                for line in lines[position:]:
                    if match := expression.search(line):
                        return match
                position = len(lines)
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise HarnessError(f"no line with {pattern!r} in {timeout:g} s from {self._report()}")
                if not any(reader.is_alive() for reader in self._readers):
                    raise HarnessError(f"ended without a line with {pattern!r}: {self._report()}")
                self._changed.wait(min(remaining, 0.2))

    async def line(self, pattern: str, *, timeout: float = 15.0, start: int = 0, error: bool = False) -> re.Match[str]:
        """`wait_for` without holding up the event loop."""
        return await asyncio.to_thread(self.wait_for, pattern, timeout=timeout, start=start, error=error)

    def wait(self, timeout: float = 15.0) -> int:
        """The exit code, once the program has ended and all its output is here."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"still running after {timeout:g} s: {self._report()}") from None
        for reader in self._readers:
            reader.join(timeout)
        return code

    def stop(self, timeout: float = 15.0, *, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End the program as a person or a service manager would; its exit code."""
        self._popen.send_signal(with_signal)
        return self.wait(timeout)

    def kill(self) -> None:
        """End the program and its children at once, as a crash would (SIGKILL); nothing if it has ended."""
        with contextlib.suppress(ProcessLookupError):  # all of them have ended already
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # unsent input of a program that is gone
                pipe.close()

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        for line in pipe:
            with self._changed:
                lines.append(line.rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _report(self) -> str:
        output = "\n".join([*self.stdout[-30:], *self.stderr[-30:]])
        return f"{' '.join(self.argv)} (exit code {self.returncode}), which wrote:\n{output}"
