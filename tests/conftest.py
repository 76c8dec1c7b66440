"""What holds for all tests."""

import faulthandler
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sessionwatch import SessionWatch, write_stacks_on_signal

REAL_PARTS = ("browser", "network", "examples", "peer", "media", "signaling")
"""Folders whose tests wait for processes, browsers, networks and clocks, on a machine that may be busy with others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test with real parts a second and third chance, each told of in the summary.

    A browser that the machine starves for seconds is no defect of ours. One that fails three times in a row is.
    """
    for item in items:
        if Path(item.path).parent.name in REAL_PARTS:
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


STDERR = pytest.StashKey[int]()
GRACE = 60
"""Seconds that a test has on top of its time limit to end by itself."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real stderr, as what tests write is captured; and let Ctrl-C reach the programs that tests start.

    Who runs the tests in the background of a shell script has SIGINT ignored, which their programs would inherit.
    """
    config.stash[STDERR] = os.dup(2)
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        write_stacks_on_signal(config.stash[STDERR])
    else:
        config.pluginmanager.register(SessionWatch(config.stash[STDERR]))
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    return (yield from _watched(item))


def _watched(item: pytest.Item) -> Iterator[None]:
    """End the process, with the stack of each thread, when a test hangs in spite of its time limit.

    pytest-timeout raises its exception once, in whatever runs at that moment: an asyncio task may keep it as its
    result, and what then waits for that task waits for ever. It takes no care of fixtures here. Under pytest-xdist only
    a worker is ended: its test has failed, and the others go on.
    """
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(limit + GRACE, file=item.config.stash[STDERR], exit=True)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
