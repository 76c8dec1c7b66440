"""STUN and TURN: peers without a way to each other meet through coturn, and servers that fail cost nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.network.coturn import Coturn, Transport
from tests.network.firewall import Nat, translate
from tests.network.namespaces import Namespace, Network
from tests.network.peers import PeerProcess, peer, start_relay
from tests.network.servers import dead_server


class Office(NamedTuple):
    """alice and bob reach the middle, which has the relay, and not each other."""

    alice: Namespace
    bob: Namespace
    middle: Namespace
    alices_relay: str
    bobs_relay: str


@pytest.fixture
def office(network: Network) -> Iterator[Office]:
    alice, middle, bob = (network.namespace(name) for name in ("alice", "middle", "bob"))
    network.link(alice, middle, ["10.1.0.1/24"], ["10.1.0.254/24"])
    network.link(bob, middle, ["10.2.0.1/24"], ["10.2.0.254/24"])
    alice.route("default", via="10.1.0.254")
    bob.route("default", via="10.2.0.254")
    with start_relay(middle):
        yield Office(alice, bob, middle, "ws://10.1.0.254:8080", "ws://10.2.0.254:8080")


def both(
    office: Office, *options: str, env: dict[str, str] | None = None
) -> tuple[PeerProcess, PeerProcess, ExitStack]:
    stack = ExitStack()
    offerer = stack.enter_context(peer(office.alice, "offerer", office.alices_relay, *options, env=env))
    offerer.wait_for("waiting")
    answerer = stack.enter_context(peer(office.bob, "answerer", office.bobs_relay, *options, env=env))
    return offerer, answerer, stack


def turn_options(coturn: Coturn, *urls: str) -> list[str]:
    servers = [word for url in urls for word in ("--ice-server", url)]
    entry = coturn.ice_server()
    return [*servers, "--ice-username", entry["username"], "--ice-credential", entry["credential"]]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_without_a_route_goes_through_turn(office: Office, tmp_path: Path, transport: Transport) -> None:
    with Coturn(tmp_path, "10.1.0.254", namespace=office.middle) as coturn:
        options = turn_options(coturn, coturn.turn_url(transport))
        offerer, answerer, stack = both(office, *options, env=coturn.environment)
        with stack:
            paths = {end.wait_for("connected")["path"] for end in (offerer, answerer)}
            assert all("relay" in path for path in paths)
            offerer.wait_for_media()
            answerer.wait_for_media()


def test_relay_only_uses_nothing_else(network: Network, tmp_path: Path) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, ["10.3.0.1/24"], ["10.3.0.2/24"])
    with start_relay(alice), Coturn(tmp_path, "10.3.0.1", namespace=alice) as coturn:
        options = [*turn_options(coturn, coturn.turn_url("udp")), "--relay-only"]
        office = Office(alice, bob, alice, "ws://10.3.0.1:8080", "ws://10.3.0.1:8080")
        offerer, answerer, stack = both(office, *options)
        with stack:
            assert offerer.wait_for("connected")["path"] == "relay-relay"
            answerer.wait_for_media()


def test_without_turn_the_error_says_what_was_tried_and_what_to_do(office: Office) -> None:
    offerer, _, stack = both(office, "--connect-timeout", "3", "--once")
    with stack:
        ended = offerer.wait_for("ended", timeout=40)
        assert ended["exit_code"] == 5
        assert "1 host" in ended["error"]
        assert "TURN" in ended["error"]
        assert offerer.process.wait() == 5


@pytest.mark.parametrize("nat", list(Nat))
def test_two_homes_behind_nats_meet(network: Network, tmp_path: Path, nat: Nat) -> None:
    """Through the TURN server when both NATs are symmetric, directly when they are not."""
    internet = network.switch("internet")
    server = network.namespace("server")
    network.plug(server, internet, ["198.51.100.1/24"])
    homes = []
    for number, name in enumerate(("alice", "bob"), start=1):
        home, gateway = network.namespace(name), network.namespace(f"{name}gate")
        inside = f"192.168.{number}"
        network.link(home, gateway, [f"{inside}.2/24"], [f"{inside}.1/24"])
        outside = network.plug(gateway, internet, [f"198.51.100.{10 + number}/24"])
        home.route("default", via=f"{inside}.1")
        gateway.forward_packets()
        translate(gateway, outside.a, nat)
        homes.append(home)
    # coturn gives up an allocation when a packet for it can't be sent at all, as to a home's private address.
    server.route("default", via="198.51.100.11")
    url = "ws://198.51.100.1:8080"
    with start_relay(server), Coturn(tmp_path, "198.51.100.1", namespace=server) as coturn:
        office = Office(homes[0], homes[1], server, url, url)
        offerer, answerer, stack = both(office, *turn_options(coturn, coturn.stun_url, coturn.turn_url("udp")))
        with stack:
            path = offerer.wait_for("connected")["path"]
            answerer.wait_for_media()
            assert ("relay" in path) is (nat is Nat.SYMMETRIC)


def test_the_next_server_is_used_when_the_first_does_not_answer(office: Office, tmp_path: Path) -> None:
    with (
        dead_server(office.middle, "10.1.0.254") as dead,
        Coturn(tmp_path, "10.1.0.254", namespace=office.middle) as coturn,
    ):
        urls = [f"turn:10.1.0.254:{dead}", "turn:no-such-host.invalid", coturn.turn_url("udp")]
        offerer, answerer, stack = both(office, *turn_options(coturn, *urls))
        with stack:
            assert "relay" in offerer.wait_for("connected")["path"]
            answerer.wait_for_media()


def test_a_dead_server_is_told_once_and_costs_a_call_nothing(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, ["10.3.0.1/24"], ["10.3.0.2/24"])
    with start_relay(alice), dead_server(alice, "10.3.0.1") as dead:
        url = "ws://10.3.0.1:8080"
        options = ["--ice-server", f"stun:10.3.0.1:{dead}"]
        with peer(alice, "offerer", url, *options) as offerer:
            offerer.wait_for("waiting")
            with peer(bob, "answerer", url, *options) as answerer:
                connected = offerer.wait_for("connected")
                assert connected["path"] == "host-host"
                answerer.wait_for_media()
                problem = offerer.wait_for("problem", timeout=30)["message"]
                assert "no answer" in problem
                assert str(dead) in problem
            # For the next call it is tried again, and not told of again.
            offerer.wait_for("waiting")
            with peer(bob, "answerer", url) as answerer:
                offerer.wait_for("connected")
                answerer.wait_for_media()
        lines = [line for line in offerer.process.stdout if '"problem"' in line]
        assert sum("no answer" in line for line in lines) == 1


def test_a_server_that_fails_at_once_disturbs_no_call(network: Network) -> None:
    """End-of-candidates comes within milliseconds then, while descriptions are still being applied."""
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, ["10.3.0.1/24"], ["10.3.0.2/24"])
    for host in (alice, bob):
        host.name_hosts({})
        host.use_nameserver("127.0.0.1")  # nobody listens there: each look-up fails at once
    url, options = "ws://10.3.0.1:8080", ["--ice-server", "stun:no-such-host.invalid"]
    with start_relay(alice), peer(alice, "offerer", url, *options) as offerer:
        for _ in range(3):
            offerer.wait_for("waiting")
            with peer(bob, "answerer", url, *options) as answerer:
                answerer.wait_for("connected")
                answerer.wait_for_media(more_than=2)
    problems = [line for line in offerer.process.stdout if '"problem"' in line]
    assert len(problems) == 1
    assert "its name can't be resolved" in problems[0]
