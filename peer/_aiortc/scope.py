"""Which of aiortc's objects are changed: those made inside `ours()`, and by the tasks that start there."""

import contextlib
import contextvars
import os
from collections.abc import Iterator

STOCK = os.environ.get("PEER_STOCK_AIORTC", "") not in ("", "0")
"""Whether aiortc is left untouched."""

_is_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("peer_connection_is_ours", default=False)


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """What aiortc makes inside this context is ours."""
    token = _is_ours.set(not STOCK)
    try:
        yield
    finally:
        _is_ours.reset(token)


def is_ours() -> bool:
    """Whether the object that is being made is one of ours."""
    return _is_ours.get()
