"""What holds for all tests."""

from pathlib import Path

import pytest

REAL_PARTS = ("browser", "network", "examples", "peer", "media", "signaling")
"""Folders whose tests wait for processes, browsers, networks and clocks, on a machine that may be busy with others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test with real parts a second and third chance, each told of in the summary.

    A browser that the machine starves for seconds is no defect of ours. One that fails three times in a row is.
    """
    for item in items:
        if Path(item.path).parent.name in REAL_PARTS:
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
