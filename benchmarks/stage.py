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
from playwright.sync_api import Playwright, sync_playwright

from benchmarks import footage
from benchmarks.browser import CHROMIUM, Chrome
from benchmarks.end import EndOptions
from benchmarks.ends import REPOSITORY, End
from benchmarks.picture import MovingPicture, Texture
from benchmarks.systems import CHROME, make_end
from tests.network.namespaces import Namespace
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
    footage: bool = False
    """Whether a film is sent instead of the usual picture."""
    samples: bool = False
    """Whether frames are kept to compare them."""

    @property
    def words(self) -> str:
        """For people."""
        footage = ", footage" if self.footage else ""
        return f"{self.width}x{self.height} at {self.fps:g} frames/s, {self.codec}{footage}"


class Stage:
    """Everything that calls share, for as long as the `with` block runs."""

    _hosts: tuple[Namespace | None, Namespace | None] = (None, None)
    """Where the two places of a call are; by default on this machine as it is."""

    def __init__(self, playwright: Playwright | None = None) -> None:
        """With Playwright if it runs already: there can be only one."""
        self._given_playwright = playwright

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and so stop what was started
        keep_priorities_equal()
        self._stack = contextlib.ExitStack()
        folder = tempfile.mkdtemp(prefix="benchmark-")
        self._stack.callback(shutil.rmtree, folder)
        self._folder = Path(folder)
        self.playwright = self._given_playwright or self._stack.enter_context(sync_playwright())
        relay_address = self._make_hosts(self._stack)
        self._stack.callback(self.forget_browsers)
        command = [sys.executable, "-m", "signaling", "--host", relay_address, "--port", "0"]
        command += ["--allow-origin", "http://localhost"]  # of the page that benchmarks/browser.py opens
        relay = self._stack.enter_context(Process(self._in_place(0, command), cwd=REPOSITORY))
        self.relay = relay.wait_for(r"ws://[\d.]+:\d+")[0]
        address = own_address()
        self.silent_stun = f"stun:{address}:{self._stack.enter_context(dead_server(address=address))}"
        self._rooms = (f"call-{number}" for number in itertools.count(1))
        self._browsers: dict[int, Chrome] = {}
        self.failures: list[str] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _make_hosts(self, stack: contextlib.ExitStack) -> str:
        """The address for the relay, in the first place of a call."""
        return "127.0.0.1"

    def _in_place(self, place: int, command: list[str]) -> list[str]:
        host = self._hosts[place]
        return host.command(*command) if host else command

    def browser(self, place: int) -> Chrome:
        """One for each place in a call, started when it is first asked for.

        Two pages of one browser would share its processes, and slow each other down.
        """
        if place not in self._browsers:
            host = self._hosts[place]
            executable = host.launcher(str(CHROMIUM), self._folder) if host else CHROMIUM
            self._browsers[place] = Chrome(self.playwright, executable)
        return self._browsers[place]

    def forget_browsers(self) -> None:
        """End them: after a call that failed, the next begins with new ones."""
        while self._browsers:
            self._browsers.popitem()[1].close()

    def picture(self, options: CallOptions) -> MovingPicture:
        """What is sent in such a call."""
        size = (options.width, options.height)
        return MovingPicture(Texture.read(self.texture(options), *size), *size)

    def texture(self, options: CallOptions) -> Path:
        """The file with the texture for the pictures of such a call."""
        width, height = options.width, options.height
        file = self._folder / f"{width}x{height}{'-footage' if options.footage else ''}.i420"
        if not file.exists() and options.footage:
            footage.write(file, width, height)
        elif not file.exists():
            Texture.make(width, height).write(file)
        return file

    @contextlib.contextmanager
    def call(self, subject: str, partner: str, options: CallOptions) -> Iterator[tuple[End, End]]:
        """A call between two systems: the subject waits in the room when its partner comes."""
        room = next(self._rooms)
        roles = ("offerer", "answerer") if options.subject_offers else ("answerer", "offerer")
        with contextlib.ExitStack() as stack:
            ends: list[End] = []
            for place, (system, role) in enumerate(zip((subject, partner), roles, strict=True)):
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder)) if options.samples else ""
                end_options = EndOptions(
                    relay=self.relay,
                    room=room,
                    role=role,
                    texture=str(self.texture(options)),
                    width=options.width,
                    height=options.height,
                    fps=options.fps,
                    codec=options.codec,
                    ice_servers=(self.silent_stun,) if options.silent_stun else (),
                    samples=folder,
                )
                browser = self.browser(place) if system == CHROME else None
                end = make_end(system, end_options, browser, self._hosts[place])
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
