"""The command `peer` and the command `signaling` as processes of their own, followed by what they print."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.network.errors import HarnessError
from tests.network.namespaces import Namespace
from tests.network.processes import Process

TIMEOUT = 60.0
"""Seconds that anything may take on a busy machine."""

TEST_MEDIA = ("--video", "test", "--audio", "test")
SMALL = ("--size", "640x360")
"""For tests in which the picture need only be there: it costs a quarter of the usual."""

StartPeer = Callable[..., "PeerProcess"]


def command(name: str) -> str:
    """The path of one of the project's commands."""
    return str(Path(sys.executable).with_name(name))


class PeerProcess:
    """A running `peer --json`. Its events are read one after another; each only once."""

    def __init__(self, *options: str, namespace: Namespace | None = None) -> None:
        argv = [command("peer"), "--json", *options]
        self.process = Process(namespace.command(*argv) if namespace else argv)
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.kill()

    def wait_for(self, name: str, *, timeout: float = TIMEOUT) -> dict[str, Any]:
        """The next event of this name after the one that was read last, past all others."""
        found = self.process.wait_for(f'^{{"event": "{name}".*$', start=self._read, timeout=timeout)
        self._read = 1 + self.process.stdout.index(found[0], self._read)
        event: dict[str, Any] = json.loads(found[0])
        return event

    async def event(self, name: str, *, timeout: float = TIMEOUT) -> dict[str, Any]:
        """`wait_for` without holding up the event loop."""
        return await asyncio.to_thread(self.wait_for, name, timeout=timeout)

    def seen(self, name: str) -> list[dict[str, Any]]:
        """All events of this name so far, read or not."""
        return [event for line in tuple(self.process.stdout) if (event := json.loads(line))["event"] == name]

    def interrupt(self) -> None:
        """End it as Ctrl-C does, and see that it ends well."""
        code = self.process.stop(with_signal=signal.SIGINT, timeout=TIMEOUT)
        if code != 130 or self.process.stderr:
            raise HarnessError(f"ended with {code}, and said {self.process.stderr}")


@pytest.fixture(name="start_peer")
def start_peer_fixture() -> Iterator[StartPeer]:
    """`start_peer(relay_url, "--role", "answerer")` starts a peer that sends the test picture and tone."""
    started: list[PeerProcess] = []

    def start(signaling: str, *options: str, namespace: Namespace | None = None) -> PeerProcess:
        peer = PeerProcess("--signaling", signaling, *TEST_MEDIA, *options, namespace=namespace)
        started.append(peer)
        return peer

    yield start
    for peer in started:
        peer.process.kill()


class RelayProcess:
    """A running `signaling`: for tests that block the event loop, or kill the relay."""

    def __init__(self, *options: str, namespace: Namespace | None = None) -> None:
        argv = [command("signaling"), *(options or ("--port", "0"))]
        self.process = Process(namespace.command(*argv) if namespace else argv)
        line = self.process.wait_for(r"page is at (\S+), the relay at (\S+)\. ", timeout=TIMEOUT)
        self.page_url, self.url = line[1], line[2]
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.kill()
