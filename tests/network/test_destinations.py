"""No packet leaves for an address that is promised never to be contacted, whoever names it, and in whatever form.

A real peer in a network that leads nowhere, a relay and partner that want it to send where they say, and every packet
that leaves. Each of them also names an address that is allowed, last: once that was tried twice, all others had their
turn.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

from tests.network import mdns
from tests.network.namespaces import Namespace, Network
from tests.network.nowhere import Nowhere
from tests.network.peers import PeerProcess, peer
from tests.network.stranger import Stranger, check

CONTROL = "8.8.8.8"
METADATA = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]


@pytest.fixture
def alone(network: Network) -> Namespace:
    return network.namespace("alone")


def victim(namespace: Namespace, stranger: Stranger, *options: str) -> AbstractContextManager[PeerProcess]:
    return peer(namespace, "answerer", stranger.url, *options)


def test_candidates_of_addresses_that_no_partner_can_have(alone: Namespace) -> None:
    disguised = ["fd00:ec2::254%1", "fd20:ce::254%lo", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "0.0.0.0"]
    candidates = [*METADATA, *disguised, "::ffff:8.8.4.4%1", CONTROL]
    with Nowhere(alone) as nowhere, Stranger(alone, candidates=candidates) as stranger, victim(alone, stranger):
        nowhere.until(CONTROL, 2)
        assert set(nowhere.sent) == {CONTROL, "8.8.4.4"}


def test_a_name_that_leads_to_such_an_address(alone: Namespace) -> None:
    with (
        Nowhere(alone) as nowhere,
        Stranger(alone, candidates=[mdns.NAME, CONTROL]) as stranger,
        victim(alone, stranger),
    ):
        nowhere.until(mdns.GROUP)
        nowhere.put(("10.66.0.9", mdns.PORT), (mdns.GROUP, mdns.PORT), mdns.answer("100.100.100.200"))
        before = nowhere.sent[CONTROL]
        nowhere.until(CONTROL, before + 2)
        assert nowhere.sent["100.100.100.200"] == 0


def test_private_addresses_under_public(alone: Namespace) -> None:
    """A partner's candidates, and where its checks come from; the user's own server is the user's own will."""
    private = ["10.77.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.77.0.2", mdns.NAME]
    own = ["--candidates", "public", "--ice-server", "stun:10.77.0.9"]
    with (
        Nowhere(alone) as nowhere,
        Stranger(alone, candidates=[*private, CONTROL]) as stranger,
        victim(alone, stranger, *own),
    ):
        nowhere.until(CONTROL)
        ufrag, password, port = stranger.hear(nowhere.address)
        for source in ("10.77.0.3", "169.254.169.254", "8.8.4.4"):
            nowhere.put((source, 5000), (nowhere.address, port), check(ufrag, password))
        nowhere.until("8.8.4.4", 3)  # the answer, and checks of the peer's own
        assert set(nowhere.sent) == {CONTROL, "8.8.4.4", "10.77.0.9"}


@pytest.mark.parametrize("policy", ["all", "public"])
def test_servers_that_the_relay_names(policy: str, alone: Namespace) -> None:
    """In no form and over no transport; a private one under `public` neither, but under `all`."""
    alone.name_hosts({"meta.test": "169.254.170.2", "meta6.test": "fd00:ec2::254", "home.test": "10.77.0.1"})
    urls = [
        *("stun:169.254.169.254:80", "stun:2852039166:80", "stun:meta.test", "stun:home.test"),
        *("turn:[fd00:ec2::254]:80", "turn:meta6.test?transport=tcp", "turn:169.254.169.254:80?transport=tcp"),
        *("turns:meta.test", "turns:2852039166:443", "turn:home.test?transport=tcp", "turns:home.test"),
        *("stun:8.8.8.8", "turn:8.8.4.4"),
    ]
    server = {"urls": urls, "username": "u", "credential": "c"}
    with (
        Nowhere(alone) as nowhere,
        Stranger(alone, ice_servers=[server]) as stranger,
        victim(alone, stranger, "--candidates", policy) as process,
    ):
        nowhere.until("8.8.8.8", 2)
        nowhere.until("8.8.4.4", 2)
        assert set(nowhere.sent) == {"8.8.8.8", "8.8.4.4", *(["10.77.0.1"] if policy == "all" else [])}
        assert "not contacted" in process.wait_for("problem")["message"]


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again(alone: Namespace) -> None:
    """DNS rebinding: what was looked up and decided about is what is contacted."""
    urls = ["stun:moves1.test", "turn:moves2.test", "turn:moves3.test?transport=tcp", "turns:moves4.test"]
    server = {"urls": urls, "username": "u", "credential": "c"}
    with (
        Nowhere(alone) as nowhere,
        moving_names(alone, "169.254.169.254"),
        Stranger(alone, ice_servers=[server]) as stranger,
        victim(alone, stranger),
    ):
        first = {f"8.8.8.{number}" for number in range(1, 5)}
        for address in first:
            nowhere.until(address)
        assert set(nowhere.sent) == first


@contextmanager
def moving_names(namespace: Namespace, then: str) -> Iterator[None]:
    """A name server on the namespace's loopback: for movesN.test it says 8.8.8.N the first time, then this address."""
    with namespace.entered():
        server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with server, client:
        server.bind(("127.0.0.1", 53))
        thread = threading.Thread(target=_answer_names, args=(server, then))
        thread.start()
        try:
            yield
        finally:
            client.sendto(b"", server.getsockname())  # the end
            thread.join(10)


def _answer_names(server: socket.socket, then: str) -> None:
    known: set[dns.name.Name] = set()
    while data := (received := server.recvfrom(2000))[0]:
        response = dns.message.make_response(dns.message.from_wire(data))
        (asked,) = response.question
        if asked.rdtype == dns.rdatatype.A:
            number = asked.name.to_text().removeprefix("moves").removesuffix(".test.")
            address = then if asked.name in known else f"8.8.8.{number}"
            known.add(asked.name)
            response.answer.append(dns.rrset.from_text(asked.name, 0, "IN", "A", address))
        server.sendto(response.to_wire(), received[1])
