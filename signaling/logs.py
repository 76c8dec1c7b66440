"""How both commands log: what strangers put into a record can't leave its line, nor move the terminal's cursor."""

import logging
import sys
from types import TracebackType

from .messages import printable

MAX_LINE_CHARACTERS = 500
MAX_LINES = 60
"""Of one record: a traceback's first lines say where it began, and its last ones what it was."""

logger = logging.getLogger(__name__)


class Formatter(logging.Formatter):
    """Writes a record as lines of printable characters, bounded in length and number; all but the first are marked."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text. Only a line end of ours, or one that is marked as going on, ends a line."""
        first, *rest = super().format(record).split("\n")
        if (extra := len(rest) - MAX_LINES) > 0:
            rest[MAX_LINES // 2 : MAX_LINES // 2 + extra] = [f"... {extra} lines are left out ..."]
        return "\n  | ".join(printable(line, MAX_LINE_CHARACTERS) for line in (first, *rest))


def set_up_logging(level: int, form: str) -> None:
    """Log to standard error from this level on, in this form; errors that end the program, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(form))
    logging.basicConfig(level=level, handlers=[handler])
    sys.excepthook = _log_defect


def _log_defect(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger.critical("this is a defect", exc_info=(kind, error, traceback))
