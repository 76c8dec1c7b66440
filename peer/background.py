"""Tasks and threads that run beside the rest: all are started here, are held until they end, and none dies unseen.

What one dies of is a defect. It is told to whoever listens: to a peer, for all that is started inside its
`telling(...)`, and in what was started there. Nobody listening, it is logged as an error.
"""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeAlias, TypeVar

from signaling.messages import printable

logger = logging.getLogger(__name__)

T = TypeVar("T")
OnDeath: TypeAlias = Callable[[Exception], None]
Tell: TypeAlias = Callable[[str, Exception], None]
"""Hears the name of what died, and of what."""

_running: set[asyncio.Future[Any]] = set()
"""The event loop itself holds tasks weakly only."""
_tell: contextvars.ContextVar[Tell | None] = contextvars.ContextVar("background_tell", default=None)


@contextlib.contextmanager
def telling(tell: Tell) -> Iterator[None]:
    """Let `tell` hear, on the running event loop, of each death of what is started inside this context."""
    loop = asyncio.get_running_loop()
    token = _tell.set(lambda name, error: _on_loop(loop, tell, name, error))
    try:
        yield
    finally:
        _tell.reset(token)


def describe(name: str, error: Exception) -> str:
    """The death in a line for people, with what to do."""
    what = printable(f"{type(error).__name__}: {error}", 200)
    return f"{name} ended by a defect ({what}); the rest goes on. Please report it, with what -vv logs of it"


def watch_loop(tell: Tell) -> None:
    """Hear also of what dies that libraries started on the running event loop: for a program that owns it.

    Of defects of one type, the first is told: what the loop calls for every packet may fail for every packet.
    """
    told: set[type[BaseException]] = set()

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logger.debug("%s", context["message"], exc_info=error)
        if isinstance(error, Exception) and type(error) not in told:
            told.add(type(error))
            tell("something beside the call", error)

    asyncio.get_running_loop().set_exception_handler(handle)


def start_task(job: Coroutine[Any, Any, T], name: str, on_death: OnDeath | None = None) -> asyncio.Task[T]:
    """Run a coroutine beside the rest. `name` says for people what it does: "sending sound".

    `on_death` is called with the exception that it dies of: what can't go on without it, ends there.
    """
    task = asyncio.create_task(job, name=name)
    watch(task, name, on_death)
    return task


def watch(task: asyncio.Future[Any], name: str, on_death: OnDeath | None = None) -> None:
    """Hold a task that somebody else made, and tell of its death like that of one from `start_task`."""
    _running.add(task)

    def ended(task: asyncio.Future[Any]) -> None:
        _running.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            _died(name, error, on_death)

    task.add_done_callback(ended)


def start_thread(
    work: Callable[..., None], name: str, *arguments: object, on_death: OnDeath | None = None
) -> threading.Thread:
    """Run a function in a thread that does not keep the process alive. `on_death` is called in that thread."""
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(work, *arguments)
        except Exception as error:  # noqa: BLE001 it is told
            context.run(_died, name, error, on_death)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _died(name: str, error: Exception, on_death: OnDeath | None) -> None:
    tell = _tell.get()
    if tell is None:
        logger.error("%s ended by a defect", name, exc_info=error)
    else:
        logger.debug("%s ended by a defect", name, exc_info=error)
        tell(name, error)
    if on_death is not None:
        on_death(error)


def _on_loop(loop: asyncio.AbstractEventLoop, tell: Tell, name: str, error: Exception) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody listens any more
        loop.call_soon_threadsafe(tell, name, error)
