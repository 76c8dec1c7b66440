"""Peers and relays of ours as processes in namespaces, and what they tell."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.network.namespaces import Namespace
from tests.network.processes import Process

PORT = 8080


def start_relay(namespace: Namespace, port: int = PORT) -> Process:
    """A relay on every address of the namespace."""
    relay = namespace.start(sys.executable, "-m", "signaling", "--host", "", "--port", str(port))
    relay.wait_for("http://", timeout=30)
    return relay


class PeerProcess:
    """A peer with a small test picture, whose events are read as they come."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._seen = 0

    def wait_for(self, event: str, *, timeout: float = 30.0, new: bool = True) -> dict[str, Any]:
        """The next event of this name, after those waited for before; or, if not `new`, any so far."""
        start = self._seen if new else 0
        match = self.process.wait_for(rf'.*"event": "{event}".*', timeout=timeout, start=start)
        self._seen = self.process.stdout.index(match[0], start) + 1
        found: dict[str, Any] = json.loads(match[0])
        return found

    def frames(self) -> int:
        """How many pictures the running call has received, by figures told after now."""
        self._seen = len(self.process.stdout)
        return int(self.wait_for("statistics")["received"]["video_frames"])

    def wait_for_media(self, *, more_than: int = 10, timeout: float = 30.0) -> None:
        """Until pictures of the running call have come."""
        self._seen = len(self.process.stdout)
        while int(self.wait_for("statistics", timeout=timeout)["received"]["video_frames"]) <= more_than:
            pass


@contextmanager
def peer(
    namespace: Namespace, role: str, url: str, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[PeerProcess]:
    """A peer that sends a small test picture, and tells all that happens."""
    arguments = ("--role", role, "--signaling", url, "--video", "test", "--size", "320x240", "--fps", "15")
    told = ("--audio", "test", "--json", "--stats", "0.3")
    with namespace.start(sys.executable, "-m", "peer", *arguments, *told, *options, env=env) as process:
        yield PeerProcess(process)
