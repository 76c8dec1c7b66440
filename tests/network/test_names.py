"""Names of the kind that browsers hide their addresses behind are looked up by multicast, over a real link."""

import socket
import sys
import threading
from collections.abc import Iterator
from typing import Self

import pytest

from tests.network.mdns import GROUP, NAME, PORT, answer
from tests.network.namespaces import Namespace, Network

LOOK_UP = f"""
import asyncio
from peer._aiortc import Names

async def main():
    names = Names()
    print(await names.look_up({NAME!r}), flush=True)
    await names.close()

asyncio.run(main())
"""

ADD_CANDIDATE = f"""
import asyncio
from peer.session.connection import Connection, ConnectionOptions
from peer.sdp.description import Candidate

class Deaf:
    def on_candidate(self, candidate): pass
    def on_server(self, server, problem): pass
    def on_up(self): pass
    def on_lost(self, reason): pass

async def main():
    one, other = (Connection(ConnectionOptions(), [], Deaf()) for _ in range(2))
    await one.apply_answer(await other.make_answer(await one.make_offer()))
    one.add_candidate(Candidate("candidate:1 1 udp 2113937151 {NAME} 5000 typ host", index=0))
    async with asyncio.timeout(20):
        while not (one.tried.refused or one.tried.remote):
            await asyncio.sleep(0.05)
    print(one.tried.describe(), flush=True)
    await one.close()
    await other.close()

asyncio.run(main())
"""


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    with Network() as network:
        one, other = network.namespace("one"), network.namespace("other")
        network.link(one, other, ["10.7.0.1/24"], ["10.7.0.2/24"])
        for host in (one, other):
            host.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        yield one, other


class Responder:
    """Answers for NAME in a namespace, with this address, once so many questions have been lost."""

    def __init__(self, host: Namespace, address: str, *, lost: int = 0) -> None:
        self.questions: list[bytes] = []
        self._answer = answer(address)
        self._lost = lost
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        membership = socket.inet_aton(GROUP) + socket.inet_aton("10.7.0.2")
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        self._socket.bind(("", PORT))
        self._socket.settimeout(30)
        self._thread = threading.Thread(target=self._respond)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._thread.join()
        self._socket.close()

    def _respond(self) -> None:
        while len(self.questions) <= self._lost:
            self.questions.append(self._socket.recv(2000))
        self._socket.sendto(b"\0\0\x84\0\0\0\0\1", (GROUP, PORT))  # a broken one first
        self._socket.sendto(self._answer, (GROUP, PORT))


@pytest.mark.parametrize("lost", [0, 2], ids=["at once", "after two questions were lost"])
def test_a_name_is_looked_up(lost: int, hosts: tuple[Namespace, Namespace]) -> None:
    here, there = hosts
    with Responder(there, "10.7.0.2", lost=lost) as responder:
        assert here.run(sys.executable, "-c", LOOK_UP, timeout=60).strip() == "10.7.0.2"
    label = NAME.removesuffix(".local").encode()
    assert len(responder.questions) == lost + 1
    assert all(label in question for question in responder.questions)


@pytest.mark.parametrize(
    ("address", "told"), [("10.7.0.2", "partner's (1 host)"), ("169.254.169.254", "partner's (none, 1 more ruled out)")]
)
def test_where_a_name_leads_must_be_allowed(address: str, told: str, hosts: tuple[Namespace, Namespace]) -> None:
    """Anybody on the network can answer, with the address of a cloud machine's credentials, say."""
    here, there = hosts
    with Responder(there, address):
        assert told in here.run(sys.executable, "-c", ADD_CANDIDATE, timeout=60)


def test_a_name_that_nobody_knows_has_no_address(hosts: tuple[Namespace, Namespace]) -> None:
    assert hosts[0].run(sys.executable, "-c", LOOK_UP, timeout=60).strip() == "None"


def test_without_multicast_a_name_has_no_address() -> None:
    with Network() as network:
        assert network.namespace("alone").run(sys.executable, "-c", LOOK_UP, timeout=60).strip() == "None"
