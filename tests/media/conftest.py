"""What the tests of media share."""

import pytest
from noting import Notes


@pytest.fixture
def notes() -> Notes:
    """Collects what is told to people: pass `notes.append` as notify."""
    return Notes()
