"""coturn relays, NATs behave, bad servers are bad: each seen by a call between two stock aiortc processes."""

import json
import re
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.network.coturn import Coturn, Transport
from tests.network.errors import HarnessError
from tests.network.firewall import Nat, allow_only, translate
from tests.network.namespaces import Link, Namespace, Network
from tests.network.servers import dead_server, slow_server

STUN_REQUEST = struct.pack("!HHI", 1, 0, 0x2112A442) + b"twelve-bytes"


def call(
    alice: Namespace,
    bob: Namespace,
    servers: Sequence[dict[str, Any]],
    *,
    policy: str = "all",
    env: dict[str, str] | None = None,
    expected: bool = True,
) -> dict[str, str] | None:
    """The candidate types that alice's call to bob uses.

    None when it is not `expected` to work, and has not after several times what a working one takes (0.5 s): aioice
    itself gives up after half a minute only.
    """
    program = (sys.executable, "-m", "tests.network.aiortc_end")
    with alice.start(*program, env=env) as caller, bob.start(*program, env=env) as callee:
        settings = {"servers": servers, "policy": policy}
        caller.send(json.dumps({**settings, "offer": True}))
        callee.send(json.dumps(settings))
        callee.send(caller.wait_for(r'.*"type": "offer".*')[0])
        caller.send(callee.wait_for(r'.*"type": "answer".*')[0])
        try:
            outcome = json.loads(caller.wait_for('.*"echo".*', timeout=15.0 if expected else 3.0)[0])
        except HarnessError:
            if expected:
                raise
            assert any('"connecting"' in line for line in caller.stdout)
            return None
    return {"local": outcome["local"], "remote": outcome["remote"]}


class Office(NamedTuple):
    """alice and bob, with no way to each other, and a middle (end `b` of both links) that both can reach."""

    alice: Namespace
    middle: Namespace
    bob: Namespace
    links: tuple[Link, Link]


@pytest.fixture
def office(network: Network) -> Office:
    alice, middle, bob = (network.namespace(name) for name in ("alice", "middle", "bob"))
    links = (
        network.link(alice, middle, ["10.1.0.1/24"], ["10.1.0.254/24"]),
        network.link(bob, middle, ["10.2.0.1/24"], ["10.2.0.254/24"]),
    )
    alice.route("default", via="10.1.0.254")
    bob.route("default", via="10.2.0.254")
    return Office(alice, middle, bob, links)


def test_no_call_without_a_relay(office: Office) -> None:
    alice, _, bob, _ = office
    assert call(alice, bob, [], expected=False) is None


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_coturn_relays_between_hosts_without_a_route(office: Office, tmp_path: Path, transport: Transport) -> None:
    alice, middle, bob, _ = office
    with Coturn(tmp_path, "10.1.0.254", namespace=middle) as turn:
        # Nothing but this passes: not a relayed address and a host's, and no other transport.
        for link in office.links:
            protocol = "udp" if transport == "udp" else "tcp"
            allow_only(link, link.b, protocol, turn.tls_port if transport == "tls" else turn.port)
        used = call(alice, bob, [turn.ice_server(transport)], env=turn.environment)
        assert used == {"local": "relay", "remote": "relay"}
        assert turn.allocations() == 2


def test_tls_relay_is_not_used_without_trust(office: Office, tmp_path: Path) -> None:
    alice, middle, bob, _ = office
    with Coturn(tmp_path, "10.1.0.254", namespace=middle) as turn:
        for link in office.links:
            allow_only(link, link.b, "tcp", turn.tls_port)
        assert call(alice, bob, [turn.ice_server("tls")], expected=False) is None
        assert turn.allocations() == 0


def test_wrong_password_gets_no_relay(office: Office, tmp_path: Path) -> None:
    alice, middle, bob, _ = office
    with Coturn(tmp_path, "10.1.0.254", namespace=middle) as turn:
        assert call(alice, bob, [{**turn.ice_server(), "credential": "wrong"}], expected=False) is None
        assert turn.allocations() == 0


@pytest.fixture
def homes(network: Network) -> tuple[Namespace, Namespace, Namespace]:
    """alice and bob, each to be put behind a NAT router (its interface 1) on one internet with a server."""
    internet = network.switch("internet")
    server, provider = network.namespace("server"), network.namespace("provider")
    network.plug(server, internet, ["203.0.113.1/24"])
    network.plug(provider, internet, ["203.0.113.254/24"])  # forwards nothing: swallows what is for nowhere
    server.route("default", via="203.0.113.254")
    hosts = []
    for number, name in enumerate(("alice", "bob"), 1):
        host, router = network.namespace(name), network.namespace(f"router-{name}")
        network.link(host, router, [f"192.168.{number}.2/24"], [f"192.168.{number}.1/24"])
        network.plug(router, internet, [f"203.0.113.{number + 10}/24"])
        host.route("default", via=f"192.168.{number}.1")
        hosts.append(host)
    return hosts[0], hosts[1], server


def put_behind(network: Network, nat: Nat) -> None:
    for namespace in network.namespaces:
        if namespace.label.startswith("router"):
            translate(namespace, namespace.interfaces[1], nat)


def test_cone_nats_connect_directly_by_stun(
    network: Network, homes: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    alice, bob, server = homes
    put_behind(network, Nat.CONE)
    with Coturn(tmp_path, "203.0.113.1", namespace=server) as stun:
        used = call(alice, bob, [{"urls": stun.stun_url}])
        assert used is not None
        # A pair's local end is the host candidate that a server-reflexive one is based on (RFC 8445 section 6.1.2.4).
        assert used["local"] == "host"
        assert used["remote"] in ("srflx", "prflx")


def test_symmetric_nats_connect_only_by_turn(
    network: Network, homes: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    alice, bob, server = homes
    put_behind(network, Nat.SYMMETRIC)
    with Coturn(tmp_path, "203.0.113.1", namespace=server) as turn:
        assert call(alice, bob, [{"urls": turn.stun_url}], expected=False) is None
        used = call(alice, bob, [{"urls": turn.stun_url}, turn.ice_server()])
        assert used is not None
        assert "relay" in used.values()


def ask(port: int, timeout: float) -> tuple[bytes, float]:
    """A STUN server's answer, and how many seconds it took."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        started = time.monotonic()
        sock.sendto(STUN_REQUEST, ("127.0.0.1", port))
        return sock.recv(2048), time.monotonic() - started


def test_servers_on_loopback_good_slow_and_dead(tmp_path: Path) -> None:
    with Coturn(tmp_path) as turn, slow_server((turn.address, turn.port), 0.5) as slow, dead_server() as dead:
        good, _ = ask(turn.port, 2)
        late, seconds = ask(slow, 2)
        assert good[:2] == late[:2] == b"\x01\x01"
        assert seconds >= 0.5
        with pytest.raises(TimeoutError):
            ask(dead, 0.3)
        with socket.create_connection(("127.0.0.1", dead), timeout=0.3) as silent:
            silent.sendall(STUN_REQUEST)
            with pytest.raises(TimeoutError):
                silent.recv(100)
        turn.kill()
        with pytest.raises(TimeoutError):
            ask(turn.port, 0.3)
        turn.start()
        assert ask(turn.port, 2)[0][:2] == b"\x01\x01"


def test_it_listens_nowhere_else(tmp_path: Path, network: Network) -> None:
    host = network.namespace("host")
    with Coturn(tmp_path, namespace=host) as turn:
        sockets = host.run("ss", "-Hlnptu")
        ports = {int(match) for match in re.findall(r"127\.0\.0\.1:(\d+)", sockets)}
        assert ports == {turn.port, turn.tls_port}
        assert all("127.0.0.1:" in line for line in sockets.splitlines())


def test_what_keeps_it_from_coming_up_is_said(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = network.namespace("host")
    monkeypatch.setattr(Coturn, "patience", 0.5)
    with pytest.raises(HarnessError, match=r"turnserver did not come up .*_ask_udp.*unreachable"):
        Coturn(tmp_path, "10.9.9.9", namespace=host).__enter__()
