"""From threads to the event loop."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

from peer.background import start_thread

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")


def call_on_loop(
    loop: asyncio.AbstractEventLoop, function: Callable[[Unpack[Arguments]], object], *arguments: *Arguments
) -> None:
    """Have the event loop call a function. When the loop is closed already, nobody is left who wants to hear of it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


async def in_time(function: Callable[[], T], seconds: float) -> T:
    """Call a function that may hang, as drivers and networks do, in a thread that nobody has to wait for.

    Raises TimeoutError, or what the function raises.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(action: Callable[..., None], value: object) -> None:
        if not outcome.done():
            action(value)

    def call() -> None:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 it is raised where the outcome is awaited
            call_on_loop(loop, settle, outcome.set_exception, error)
        else:
            call_on_loop(loop, settle, outcome.set_result, result)

    start_thread(call, "in time")
    async with asyncio.timeout(seconds):
        return await outcome
