"""From threads to the event loop."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVarTuple, Unpack

Arguments = TypeVarTuple("Arguments")


def call_on_loop(
    loop: asyncio.AbstractEventLoop, function: Callable[[Unpack[Arguments]], object], *arguments: *Arguments
) -> None:
    """Have the event loop call a function. When the loop is closed already, nobody is left who wants to hear of it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
