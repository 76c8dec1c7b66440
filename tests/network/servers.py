"""Servers that are no good: one that never answers, and one that answers late."""

import collections
import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator

from tests.network.namespaces import Namespace

Address = tuple[str, int]


@contextlib.contextmanager
def dead_server(namespace: Namespace | None = None, address: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server, UDP and TCP, that takes whatever is sent to it and never says a word."""
    with contextlib.ExitStack() as stack:
        with namespace.entered() if namespace else contextlib.nullcontext():
            tcp = stack.enter_context(socket.create_server((address, 0)))
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        yield tcp.getsockname()[1]


@contextlib.contextmanager
def slow_server(
    target: Address, delay: float, namespace: Namespace | None = None, address: str = "127.0.0.1"
) -> Iterator[int]:
    """The UDP port of a server that is the one at `target`, except that each answer comes `delay` seconds late."""
    with contextlib.ExitStack() as stack:
        forwarder = _LateForwarder(target, delay, namespace, stack)
        forwarder.front.bind((address, 0))
        thread = threading.Thread(target=forwarder.run, name="slow_server")
        thread.start()
        try:
            yield forwarder.front.getsockname()[1]
        finally:
            forwarder.stop()
            thread.join()


class _LateForwarder:
    """Passes datagrams on to the target at once, and what comes back to their sender late."""

    def __init__(self, target: Address, delay: float, namespace: Namespace | None, stack: contextlib.ExitStack) -> None:
        self._target, self._delay, self._namespace, self._stack = target, delay, namespace, stack
        self.front = self._socket()
        self._backs: dict[Address, socket.socket] = {}  # one for each client: by it, answers are told apart
        self._answers: collections.deque[tuple[float, bytes, Address]] = collections.deque()  # due times first
        self._stopped, self._stop = os.pipe()
        stack.callback(os.close, self._stopped)

    def run(self) -> None:
        while True:
            timeout = max(0.0, self._answers[0][0] - time.monotonic()) if self._answers else None
            readable, _, _ = select.select([self._stopped, self.front, *self._backs.values()], [], [], timeout)
            if self._stopped in readable:
                return
            for client, back in self._backs.items():
                if back in readable:
                    self._answers.append((time.monotonic() + self._delay, back.recv(65536), client))
            if self.front in readable:
                request, client = self.front.recvfrom(65536)
                if client not in self._backs:
                    self._backs[client] = self._socket()
                self._backs[client].sendto(request, self._target)
            while self._answers and self._answers[0][0] <= time.monotonic():
                _, answer, client = self._answers.popleft()
                self.front.sendto(answer, client)

    def stop(self) -> None:
        os.close(self._stop)

    def _socket(self) -> socket.socket:
        with self._namespace.entered() if self._namespace else contextlib.nullcontext():
            return self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
