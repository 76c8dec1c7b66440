"""The keys that control a running peer from its terminal, and the terminal's mode while they do."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from peer.background import start_task
from peer.errors import PeerError
from peer.events import Notice, Problem

if TYPE_CHECKING:
    from peer.media.listing import Entry
    from peer.peer import Peer

if sys.platform != "win32":
    import termios

Tell: TypeAlias = Callable[[Notice | Problem], None]

KEYS = {
    "m": "mute the microphone, or unmute it",
    "v": "hide the picture, or show it",
    "c": "the next camera",
    "s": "the call's figures",
    "q": "quit",
    "?": "this list",
}
HINT = "press ? for the keys that control it"


class Keyboard:
    """Does what the keys say, one key after another."""

    def __init__(self, peer: "Peer", tell: Tell) -> None:
        self._peer = peer
        self._tell = tell
        self._pressed: asyncio.Queue[str] = asyncio.Queue(maxsize=8)

    def press(self, keys: str) -> None:
        """Take note of keys; of those that come faster than they can be served, some are forgotten."""
        for key in keys.lower():
            if key in KEYS and not self._pressed.full():
                self._pressed.put_nowait(key)

    async def run(self) -> None:
        """Until cancelled."""
        actions: dict[str, Callable[[], Awaitable[None]]] = {
            "m": lambda: self._toggle("audio"),
            "v": lambda: self._toggle("video"),
            "c": self._next_camera,
            "s": self._figures,
            "q": self._quit,
            "?": self._help,
        }
        while True:
            key = await self._pressed.get()
            try:
                await actions[key]()
            except PeerError as error:
                self._tell(Problem(f"{error}; all stays as it was"))

    async def _toggle(self, kind: str) -> None:
        self._peer.mute(kind, muted=kind not in self._peer.muted)

    async def _next_camera(self) -> None:
        from peer.media.listing import list_devices  # noqa: PLC0415  loads av

        cameras = [entry for entry in await asyncio.to_thread(list_devices) if entry.kind == "camera"]
        chosen = next_camera(cameras, self._peer.sending("video") or "")
        if chosen is None:
            self._tell(Notice(f"there is no {'other ' if cameras else ''}camera"))
        else:
            await self._peer.switch(video=chosen)

    async def _figures(self) -> None:
        if not await self._peer.tell_statistics():
            self._tell(Notice("no call is running"))

    async def _quit(self) -> None:
        self._peer.end()

    async def _help(self) -> None:
        self._tell(Notice("keys: " + "; ".join(f"{key} {meaning}" for key, meaning in KEYS.items())))


@contextlib.asynccontextmanager
async def keys_for(peer: "Peer", tell: Tell) -> AsyncIterator[None]:
    """Let the keys of the terminal control a peer while the block runs; without a terminal, do nothing."""
    if not has_keys():
        yield
        return
    keyboard = Keyboard(peer, tell)
    task = start_task(keyboard.run(), "the keys")
    try:
        with keys_of_terminal(keyboard.press):
            tell(Notice(HINT))
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def next_camera(cameras: "Sequence[Entry]", label: str) -> str | None:
    """The value of the camera after the one that `label` names, from the last on to the first; None without another."""

    def is_sent(camera: "Entry") -> bool:
        names = (name.removeprefix("camera:") for name in (camera.value, *camera.aliases))
        return any(f" {name} " in f" {label} " for name in names if not name.isdecimal())

    current = next((index for index, camera in enumerate(cameras) if is_sent(camera)), None)
    if current is None:
        return cameras[0].value if cameras else None
    return cameras[(current + 1) % len(cameras)].value if len(cameras) > 1 else None


def has_keys() -> bool:
    """Whether there is a terminal on standard input whose keys can be had."""
    if sys.platform == "win32" or not sys.stdin or sys.stdin.closed:
        return False
    try:
        return os.isatty(sys.stdin.fileno())
    except (OSError, ValueError):  # something that is no file stands for it
        return False


if sys.platform != "win32":

    @contextlib.contextmanager
    def keys_of_terminal(press: Callable[[str], None]) -> Iterator[None]:
        """Have each key at once and unseen, while the block runs and this process is in the foreground.

        Ctrl-C and Ctrl-Z do what they always do. The terminal is as before afterwards, however the block ends.
        """
        loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
        before = termios.tcgetattr(terminal)

        def in_foreground() -> bool:
            try:
                return os.tcgetpgrp(terminal) == os.getpgrp()
            except OSError:  # the terminal is gone
                return False

        def begin() -> None:
            """Now, and each time that the process comes back from Ctrl-Z, when the shell has set its own mode."""
            if in_foreground():  # in the background, a change of mode would stop the process
                mode = termios.tcgetattr(terminal)
                mode[3] &= ~(termios.ICANON | termios.ECHO)
                termios.tcsetattr(terminal, termios.TCSADRAIN, mode)
                loop.add_reader(terminal, read)

        def read() -> None:
            data = os.read(terminal, 64) if in_foreground() else b""
            if data:
                press(data.decode(errors="ignore"))
            else:
                loop.remove_reader(terminal)

        begin()
        loop.add_signal_handler(signal.SIGCONT, begin)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGCONT)
            loop.remove_reader(terminal)
            if in_foreground():
                termios.tcsetattr(terminal, termios.TCSADRAIN, before)
