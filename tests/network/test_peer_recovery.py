"""Loss of anything: the relay, the network, an address, the partner. Media is counted before and after."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.network.namespaces import Link, Namespace, Network
from tests.network.peers import PeerProcess, peer, start_relay
from tests.network.processes import Process

URL = "ws://10.9.0.1:8080"
ROLES = ["offerer", "answerer"]


class Lab(NamedTuple):
    """alice, bob and the relay's machine on one switch."""

    alice: Namespace
    bob: Namespace
    server: Namespace
    links: dict[str, Link]
    relay: Process


@pytest.fixture
def lab(network: Network) -> Iterator[Lab]:
    switch = network.switch()
    hosts = [network.namespace(name) for name in ("server", "alice", "bob")]
    links = {
        name: network.plug(host, switch, [f"10.9.0.{number}/24"])
        for number, (name, host) in enumerate(zip(("server", "alice", "bob"), hosts, strict=True), start=1)
    }
    server, alice, bob = hosts
    with start_relay(server) as relay:
        yield Lab(alice, bob, server, links, relay)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as it:
        yield it


def other(role: str) -> str:
    return next(each for each in ROLES if each != role)


def in_call(lab: Lab, stack: ExitStack, role: str = "offerer") -> tuple[PeerProcess, PeerProcess]:
    """alice in this role, and bob in the other, with media both ways."""
    alice = stack.enter_context(peer(lab.alice, role, URL))
    alice.wait_for("waiting")
    bob = stack.enter_context(peer(lab.bob, other(role), URL))
    for end in (alice, bob):
        end.wait_for("connected")
        end.wait_for_media()
    return alice, bob


def events(process: PeerProcess, name: str) -> int:
    return sum(f'"event": "{name}"' in line for line in process.process.stdout)


def test_a_call_goes_on_while_the_relay_is_away_and_the_next_one_works(lab: Lab, stack: ExitStack) -> None:
    alice, bob = in_call(lab, stack)
    lab.relay.kill()
    alice.wait_for("problem")
    before = alice.frames(), bob.frames()
    stack.enter_context(start_relay(lab.server))
    for end in (alice, bob):
        end.wait_for("notice", timeout=40)
    alice.wait_for_media(more_than=before[0] + 10)
    bob.wait_for_media(more_than=before[1] + 10)
    assert events(alice, "connected") == events(bob, "connected") == 1
    bob.process.stop()
    alice.wait_for("waiting")
    newcomer = stack.enter_context(peer(lab.bob, "answerer", URL))
    newcomer.wait_for("connected")
    newcomer.wait_for_media()


def test_a_cut_of_five_seconds_is_survived_by_the_call(lab: Lab, stack: ExitStack) -> None:
    alice, bob = in_call(lab, stack)
    with lab.links["bob"].broken():
        time.sleep(5)
    before = alice.frames(), bob.frames()
    alice.wait_for_media(more_than=before[0] + 10)
    bob.wait_for_media(more_than=before[1] + 10)
    assert events(alice, "connected") == events(bob, "connected") == 1


@pytest.mark.timeout(240)
def test_after_a_cut_of_a_minute_there_is_a_new_call_in_both_roles(lab: Lab, stack: ExitStack) -> None:
    alice, bob = in_call(lab, stack)
    with lab.links["alice"].broken():
        alice.wait_for("call-ended", timeout=20)
        bob.wait_for("call-ended", timeout=20)
        time.sleep(45)
    for end in (alice, bob):
        end.wait_for("connected", timeout=60)
        end.wait_for_media()


@pytest.mark.parametrize("role", ROLES)
def test_a_new_address_means_a_new_connection(lab: Lab, stack: ExitStack, role: str) -> None:
    alice, bob = in_call(lab, stack, role)
    interface = lab.links["alice"].a
    interface.add_address("10.9.0.77/24")
    interface.remove_address("10.9.0.2/24")
    for end in (alice, bob):
        end.wait_for("connected", timeout=60)
        end.wait_for_media()


def test_an_address_that_comes_while_waiting_is_used(lab: Lab, stack: ExitStack) -> None:
    alice = stack.enter_context(peer(lab.alice, "offerer", URL))
    alice.wait_for("waiting")
    interface = lab.links["alice"].a
    interface.add_address("10.9.0.78/24")
    interface.remove_address("10.9.0.2/24")
    # The socket to the relay went with the address: the peer is back when it has noticed that.
    alice.wait_for("notice", timeout=60)
    bob = stack.enter_context(peer(lab.bob, "answerer", URL))
    bob.wait_for("connected", timeout=60)
    bob.wait_for_media()


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_partner_is_noticed_and_the_next_one_is_taken(lab: Lab, stack: ExitStack, role: str) -> None:
    alice, bob = in_call(lab, stack, role)
    killed_at = time.monotonic()
    bob.process.kill()
    alice.wait_for("waiting", timeout=20)
    assert time.monotonic() - killed_at < 10
    bob = stack.enter_context(peer(lab.bob, other(role), URL))
    for end in (alice, bob):
        end.wait_for("connected")
        end.wait_for_media()


def test_a_partner_that_falls_silent_is_noticed_without_the_relays_help(lab: Lab, stack: ExitStack) -> None:
    alice, bob = in_call(lab, stack)
    os.killpg(bob.process.pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    try:
        ended = alice.wait_for("call-ended", timeout=30)
    finally:
        os.killpg(bob.process.pid, signal.SIGCONT)
    assert "nothing came" in ended["reason"]
    assert time.monotonic() - stopped_at < 15  # 8 s of silence, and a busy machine


def test_a_call_over_ipv6_only(network: Network, stack: ExitStack) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, ["fd09::1/64"], ["fd09::2/64"])
    stack.enter_context(start_relay(alice))
    offerer = stack.enter_context(peer(alice, "offerer", "ws://[fd09::1]:8080"))
    offerer.wait_for("waiting")
    answerer = stack.enter_context(peer(bob, "answerer", "ws://[fd09::1]:8080"))
    assert answerer.wait_for("connected")["path"] == "host-host"
    answerer.wait_for_media()
    offerer.wait_for_media()
