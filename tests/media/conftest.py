"""What the tests of media share."""

import pytest


@pytest.fixture
def notes() -> list[str]:
    """Collects what is told to people: pass `notes.append` as notify."""
    return []
