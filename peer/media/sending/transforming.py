"""A program's function on every picture, in a thread of its own: found by its name, called, and survived."""

import asyncio
import importlib
import importlib.util
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import av
from aiortc import MediaStreamError, MediaStreamTrack

from peer.background import start_task, start_thread
from peer.errors import UsageError
from peer.media.base.frames import FrameStream
from peer.media.base.pictures import to_yuv420p
from peer.media.base.source import Notify
from peer.media.base.threads import call_on_loop
from peer.media.sources.framesource import bgr_frame

logger = logging.getLogger(__name__)

Function: TypeAlias = Callable[[Any], Any]
"""Takes and returns an array of height x width x 3, uint8, in BGR."""
FAREWELL = 2.0  # seconds that a function which is still at work is given to end


class Transform:
    """Calls a function for one picture after another; while it is at work, only the newest of the next ones waits.

    A picture for which it fails, or returns what is none, is passed on as it was. That is told once.
    """

    def __init__(self, function: Function, name: str, notify: Notify) -> None:
        """`name` is for people. Must be made on the event loop."""
        self._function = function
        self._name = name
        self._notify = notify
        self._told = False
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._next: tuple[av.VideoFrame, Callable[[av.VideoFrame], object]] | None = None
        self._closing = False
        self._thread = start_thread(self._run, f"transforming by {name}")

    def submit(self, frame: av.VideoFrame, deliver: Callable[[av.VideoFrame], object]) -> None:
        """Transform a picture, in place of one that waits, and have it delivered on the event loop."""
        with self._changed:
            self._next = frame, deliver
            self._changed.notify()

    async def close(self) -> None:
        """End the thread, after the picture that it is at work on."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, FAREWELL)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next or self._closing)
                job, self._next = self._next, None
            if self._closing or job is None:
                return
            frame, deliver = job
            call_on_loop(self._loop, deliver, self._apply(frame))

    def _apply(self, frame: av.VideoFrame) -> av.VideoFrame:
        try:
            returned = self._function(frame.to_ndarray(format="bgr24"))
        except (Exception, SystemExit) as error:  # it may fail in any way, the call must not suffer for it
            logger.info("the transform %s raised", self._name, exc_info=True)
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name} line {last.lineno}"
            self._tell(f"raised {type(error).__name__}: {error} ({where})")
            return frame
        try:
            result = to_yuv420p(bgr_frame(returned))
        except ValueError as error:
            self._tell(f"returned {error}")
            return frame
        result.pts, result.time_base = frame.pts, frame.time_base
        return result

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            line = f"the transform {self._name} {what}; such pictures are passed on unchanged"
            call_on_loop(self._loop, self._notify, line)


class TransformedTrack(MediaStreamTrack):
    """A track's pictures after a transform: always the newest one that is ready. Their times are kept."""

    kind = "video"

    def __init__(self, track: MediaStreamTrack, transform: Transform) -> None:
        super().__init__()
        self._track = track
        self._transform = transform
        self._ready: FrameStream[av.VideoFrame] = FrameStream(1)
        self._reader: asyncio.Task[None] | None = None  # from the first `recv` on

    async def recv(self) -> av.VideoFrame:
        """The newest picture, as soon as there is one."""
        if self._reader is None and self.readyState == "live":
            self._reader = start_task(self._read(), "transforming")
        try:
            return await anext(self._ready)
        except StopAsyncIteration:
            if self._reader is not None and self._reader.done() and not self._reader.cancelled():
                self._reader.result()
            raise MediaStreamError from None

    async def _read(self) -> None:
        """Take what comes at once, so that nothing piles up below."""
        try:
            while True:
                frame = await self._track.recv()
                if isinstance(frame, av.VideoFrame):
                    self._transform.submit(frame, self._ready.put)
        except MediaStreamError:
            pass  # it ended
        finally:
            self._ready.close()

    def stop(self) -> None:
        """End it, and the track below."""
        super().stop()
        self._track.stop()
        self._ready.close()
        if self._reader is not None:
            self._reader.cancel()


def make_transform(given: str | Function | None, option: str, notify: Notify) -> Transform | None:
    """A transform of what an option names, or of a function itself. Raises UsageError."""
    if given is None:
        return None
    if isinstance(given, str):
        return Transform(load_function(given, option), given, notify)
    return Transform(given, getattr(given, "__qualname__", type(given).__name__), notify)


def load_function(given: str, option: str) -> Function:
    """The function that MODULE:FUNCTION or FILE.py:FUNCTION names, with the current directory among the places to look.

    Raises UsageError, naming the option, when there is none, or its module can't be imported.
    """
    place, _, name = given.rpartition(":")
    try:
        module = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
    except _NotThere as error:
        raise UsageError(f"{option} {given}: {error}; give MODULE:FUNCTION or FILE.py:FUNCTION") from None
    except (Exception, SystemExit) as error:
        logger.info("importing %s failed", place, exc_info=True)
        raise UsageError(f"{option} {given}: {place} can't be imported ({type(error).__name__}: {error})") from error
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if function is None:
        raise UsageError(f"{option} {given}: there is no {name} in {place}")
    if not callable(function):
        raise UsageError(f"{option} {given}: {name} in {place} is no function")
    return function  # type: ignore[no-any-return]


class _NotThere(Exception):  # noqa: N818 becomes part of a UsageError
    pass


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` has it
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _NotThere(f"there is no module {name} here") from None
        raise
    except (ValueError, TypeError):
        raise _NotThere(f"{name!r} is no module's name") from None


def _module_of_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise _NotThere(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # for what looks itself up there, such as dataclasses
    sys.path.insert(0, str(path.resolve().parent))  # as `python FILE.py` has it
    spec.loader.exec_module(module)
    return module
