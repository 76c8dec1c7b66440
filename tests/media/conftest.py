"""What the tests of media share."""

from pathlib import Path

import pytest
from mediafiles import flash_and_beep, make_file
from noting import Notes


@pytest.fixture
def notes() -> Notes:
    """Collects what is told to people: pass `notes.append` as notify."""
    return Notes()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of picture and sound: beeps at 0.5 and 1 s."""
    beeps = flash_and_beep([0.5, 1.0], 1.5)
    return make_file(tmp_path_factory.mktemp("film") / "film.mp4", seconds=1.5, sound=beeps)
