"""What `peer doctor` looks at: each check tries one part of the machine or network, and says what came of it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What came of a check."""

    OK = "ok"
    """It works."""
    ABSENT = "absent"
    """It is not there, or does not work, and was not asked for: a call does without."""
    FAILED = "failed"
    """A call as it was asked for does not work."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    check: str
    state: State
    text: str
    advice: str | None = None
    """What to do about it."""


def judged(*, asked: bool) -> State:
    """The state of what does not work."""
    return State.FAILED if asked else State.ABSENT
