"""Boots the machine once, and gives the tests what the scenarios left."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.devices import machine

ROOT = Path(__file__).parents[2]
PATIENCE = 540  # seconds for one run: a third of that on two idle cores

Outcome = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits for the machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(2 * PATIENCE + 60))


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the machine shared, after it has run all scenarios and is off.

    What failed is run once more: on a machine that is busy with other things, this one gets too little time for a call.
    """
    share = tmp_path_factory.mktemp("machine")
    boot(share, [])
    if failed := [path.parent for path in share.glob("*/failed")]:
        for folder in failed:
            shutil.rmtree(folder)
        boot(share, [folder.name for folder in failed])
    return share


def boot(share: Path, scenarios: list[str]) -> None:
    """Run these scenarios, or all."""
    finished = share / "finished"
    finished.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    settings = [f"{name}={value}" for name, value in environment.items()]
    guest = shlex.join(["env", *settings, sys.executable, "-m", "tests.devices.guest", "/mnt", *scenarios])
    console = machine.run(f"cd {shlex.quote(str(ROOT))} && {guest}", share, seconds=PATIENCE)
    assert finished.exists(), f"the machine's console shows:\n{console[-3000:]}"


@pytest.fixture
def outcome(share: Path) -> Outcome:
    """`outcome(NAME)` is the folder of a scenario, which has ended well."""

    def find(name: str) -> Path:
        failed = share / name / "failed"
        assert not failed.exists(), failed.read_text()
        return share / name

    return find
