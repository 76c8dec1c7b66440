"""Where measured calls take place: a relay, browsers, a STUN server that is silent, the picture's texture."""

import contextlib
import ctypes
import itertools
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.end import EndOptions
from benchmarks.ends import REPOSITORY, Chrome, End, make_end
from benchmarks.picture import Texture
from tests.network.processes import Process
from tests.network.servers import dead_server

PR_CAPBSET_DROP, CAP_SYS_NICE = 24, 23


@dataclass(frozen=True)
class CallOptions:
    """What a call is like, for both ends alike."""

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    codec: str = "VP8"
    subject_offers: bool = True
    silent_stun: bool = False
    """Whether both ends are given a STUN server that never answers."""


class Stage:
    """Everything that calls share, for as long as the `with` block runs."""

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and so stop what was started
        keep_priorities_equal()
        self._stack = contextlib.ExitStack()
        folder = tempfile.mkdtemp(prefix="benchmark-")
        self._stack.callback(shutil.rmtree, folder)
        self._folder = Path(folder)
        self._playwright = self._stack.enter_context(sync_playwright())
        command = [sys.executable, "-m", "signaling", "--host", "127.0.0.1", "--port", "0"]
        relay = self._stack.enter_context(Process(command, cwd=REPOSITORY))
        self._relay = relay.wait_for(r"ws://[\d.]+:\d+")[0]
        address = own_address()
        self.silent_stun = f"stun:{address}:{self._stack.enter_context(dead_server(address=address))}"
        self._rooms = (f"call-{number}" for number in itertools.count(1))
        self._browsers: list[Chrome] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for browser in self._browsers:
            browser.close()
        self._stack.close()

    def browser(self, number: int) -> Chrome:
        """One of several browsers, started when it is first asked for."""
        while len(self._browsers) <= number:
            self._browsers.append(Chrome(self._playwright))
        return self._browsers[number]

    def texture(self, width: int, height: int) -> Path:
        """The file with the texture for pictures of this size."""
        file = self._folder / f"{width}x{height}.i420"
        if not file.exists():
            Texture.make(width, height).write(file)
        return file

    @contextlib.contextmanager
    def call(self, subject: str, partner: str, options: CallOptions) -> Iterator[tuple[End, End]]:
        """A call between two systems: the subject waits in the room when its partner comes."""
        room = next(self._rooms)
        roles = ("offerer", "answerer") if options.subject_offers else ("answerer", "offerer")
        servers = (self.silent_stun,) if options.silent_stun else ()
        texture = str(self.texture(options.width, options.height))
        # Two pages of one browser would share its processes, and slow each other down.
        browsers = map(self.browser, itertools.count())
        with contextlib.ExitStack() as stack:
            ends: list[End] = []
            for system, role in zip((subject, partner), roles, strict=True):
                end_options = EndOptions(
                    relay=self._relay,
                    room=room,
                    role=role,
                    texture=texture,
                    width=options.width,
                    height=options.height,
                    fps=options.fps,
                    codec=options.codec,
                    ice_servers=servers,
                )
                browser = next(browsers) if system == "chrome" else None
                end = make_end(system, end_options, browser)
                stack.callback(end.close)
                ends.append(end)
            yield ends[0], ends[1]


def keep_priorities_equal() -> None:
    """Started by root, Chrome raises its priority above that of its partners; what an ordinary user starts can't.

    So no process started from here on may (capabilities(7), CAP_SYS_NICE). Without root there is nothing to drop.
    """
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0)


def own_address() -> str:
    """An address of this machine that is not loopback: as host candidates have."""
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        for address in addresses:
            if address.family is socket.AF_INET and name != "lo" and not address.address.startswith("127."):
                return str(address.address)
    raise RuntimeError("this machine has no address but loopback: calls need one")
