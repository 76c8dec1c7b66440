"""Boots the machine once, and gives the tests what the scenarios left."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.devices import machine

ROOT = Path(__file__).parents[2]
PATIENCE = 540  # seconds for the whole run: a third of that on two idle cores

Outcome = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits for the machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(PATIENCE + 60))


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the machine shared, after it has run all scenarios and is off."""
    share = tmp_path_factory.mktemp("machine")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    command = f"cd {shlex.quote(str(ROOT))} && {settings} {shlex.quote(sys.executable)} -m tests.devices.guest /mnt"
    console = machine.run(command, share, seconds=PATIENCE)
    assert (share / "finished").exists(), f"the machine's console shows:\n{console[-3000:]}"
    return share


@pytest.fixture
def outcome(share: Path) -> Outcome:
    """`outcome(NAME)` is the folder of a scenario, which has ended well."""

    def find(name: str) -> Path:
        failed = share / name / "failed"
        assert not failed.exists(), failed.read_text()
        return share / name

    return find
