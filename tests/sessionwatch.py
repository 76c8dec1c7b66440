"""What ends a run of the tests that would not end by itself, and finds the processes that tests left running.

A run that hangs tells nothing, and whoever reads its output through a pipe waits for every process that holds it.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest

LIMIT = 60 * 60
"""Seconds for a run of all tests: more than twice what it takes on two cores."""

MARK = "WEBRTC_PEER_TESTS"
"""The environment variable that every process of a run inherits, whoever is its parent by now."""

STACKS = signal.SIGUSR1 if sys.platform != "win32" else None
"""Makes a process of the run write its stacks."""


class SessionWatch:
    """A plugin for the process that a person started: with pytest-xdist, the one that only hands out tests."""

    def __init__(self, stderr: int, limit: float = LIMIT) -> None:
        self._stderr = stderr
        self._limit = limit
        self._running: dict[str, float] = {}
        self._timer = threading.Timer(limit, self._end)
        self._timer.daemon = True
        self._timer.start()
        os.environ[MARK] = uuid.uuid4().hex

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._running.pop(nodeid, None)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """After all else, also after pytest-xdist has ended its workers: the run fails when a process is left."""
        result = yield
        self._timer.cancel()
        if left := leftovers(os.environ[MARK]):
            self._say(f"These processes were left running by tests: {', '.join(left)}")
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        return result

    def _end(self) -> None:
        """Say what ran, and where each worker stands; then end everything, with exit code 1."""
        self._say(f"The run did not end within {self._limit:g} s.")
        now = time.monotonic()
        for nodeid, since in self._running.items():
            self._say(f"For {now - since:.0f} s now, {nodeid} has been running.")
        if STACKS is not None:
            for worker in psutil.Process().children():
                worker.send_signal(STACKS)
            time.sleep(2)  # for them to write
        faulthandler.dump_traceback(self._stderr)
        leftovers(os.environ[MARK])
        os._exit(1)

    def _say(self, text: str) -> None:
        os.write(self._stderr, f"\n{text}\n".encode())


def write_stacks_on_signal(stderr: int) -> None:
    """Let a worker of pytest-xdist tell where it stands when it is asked by `STACKS`."""
    if STACKS is not None:
        faulthandler.register(STACKS, file=stderr)


def leftovers(mark: str) -> list[str]:
    """End the processes that have this mark, apart from this one, and name them."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                left.append(f"{process.name()} ({process.pid}, {' '.join(process.cmdline())[:200]})")
                process.kill()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return left
