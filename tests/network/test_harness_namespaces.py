"""The namespaces do what their names say, seen by real packets, and leave nothing behind."""

import contextlib
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.network import namespaces
from tests.network.errors import HarnessError
from tests.network.firewall import Nat, allow_only, translate
from tests.network.namespaces import CONFIGURATION, NAMESPACES, Namespace, Network

V4 = "10.1.0.1", "10.1.0.2"
V6 = "fd01::1", "fd01::2"


def reaches(sender: Namespace, receiver: Namespace, address: str, *, family: int = socket.AF_INET) -> bool:
    """Whether a UDP packet of the one gets to a socket of the other."""
    with receiver.entered():
        listener = socket.socket(family, socket.SOCK_DGRAM)
    with sender.entered():
        speaker = socket.socket(family, socket.SOCK_DGRAM)
    with listener, speaker:
        listener.bind((address, 0))
        listener.settimeout(0.3)
        try:
            speaker.sendto(b"hello", listener.getsockname()[:2])
            return listener.recv(100) == b"hello"
        except TimeoutError:
            return False


def test_link_carries_ipv4_and_ipv6(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, [f"{V4[0]}/24", f"{V6[0]}/64"], [f"{V4[1]}/24", f"{V6[1]}/64"])
    assert reaches(alice, bob, V4[1])
    assert reaches(bob, alice, V6[0], family=socket.AF_INET6)


def test_there_is_no_way_out(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    network.link(alice, bob, ["10.1.0.1/24"], ["10.1.0.2/24"])
    assert "default" not in alice.ip("route")
    with (
        alice.entered(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(OSError, match="unreachable"),
    ):
        sock.connect(("192.0.2.1", 53))
    code = "import socket; socket.getaddrinfo('outside.example', 443)"
    with pytest.raises(HarnessError, match="gaierror"):
        alice.run(sys.executable, "-c", code, timeout=3)


def test_entering_ends_with_the_block(network: Network) -> None:
    alice = network.namespace("alice")
    outside = [name for _, name in socket.if_nameindex()]
    with alice.entered():
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
    assert [name for _, name in socket.if_nameindex()] == outside


def test_cut_mend_unplug_and_addresses(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    link = network.link(alice, bob, [f"{V4[0]}/24"], [f"{V4[1]}/24"])
    with link.broken():
        assert not reaches(alice, bob, V4[1])
        assert not reaches(bob, alice, V4[0])
    assert reaches(alice, bob, V4[1])

    link.unplug(link.a)
    assert "NO-CARRIER" in alice.ip("link", "show", "eth0")
    assert V4[0] in alice.ip("address")
    link.plug(link.a)
    assert reaches(alice, bob, V4[1])

    link.b.add_address("10.1.0.9/24")
    link.b.remove_address("10.1.0.2/24")
    assert reaches(alice, bob, "10.1.0.9")
    alice.block("10.1.0.9", how="prohibit")
    with pytest.raises(PermissionError):
        reaches(alice, bob, "10.1.0.9")


def test_loss_is_near_what_was_asked(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    link = network.link(alice, bob, [f"{V4[0]}/24"], [f"{V4[1]}/24"])
    link.lose(0.2, toward=link.b)
    with bob.entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with alice.entered():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with listener, speaker:
        listener.bind((V4[1], 0))
        listener.settimeout(0)
        arrived = 0
        for number in range(2000):
            speaker.sendto(number.to_bytes(2), listener.getsockname())
            # A veth pair delivers before sendto returns: what is not here was lost.
            with contextlib.suppress(BlockingIOError):
                arrived += bool(listener.recv(10))
    assert 0.15 < 1 - arrived / 2000 < 0.25


def test_switch_joins_three_hosts(network: Network) -> None:
    switch = network.switch()
    hosts = [network.namespace(name) for name in ("alice", "bob", "carol")]
    for number, host in enumerate(hosts, 1):
        network.plug(host, switch, [f"10.2.0.{number}/24"])
    assert reaches(hosts[0], hosts[1], "10.2.0.2")
    assert reaches(hosts[2], hosts[0], "10.2.0.1")


@pytest.mark.parametrize("nat", Nat)
def test_nat_maps_ports_as_its_kind_does_and_lets_nothing_in(network: Network, nat: Nat) -> None:
    inside, router, outside = (network.namespace(name) for name in ("inside", "router", "outside"))
    network.link(inside, router, ["192.168.0.2/24"], ["192.168.0.1/24"])
    wan = network.link(router, outside, ["10.3.0.1/24"], ["10.3.0.2/24", "10.3.0.3/24", "10.3.0.4/24"])
    inside.route("default", via="192.168.0.1")
    translate(router, wan.a, nat)
    with inside.entered():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with outside.entered():
        listeners = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    mapped = []
    for listener, address in zip(listeners, ("10.3.0.2", "10.3.0.3", "10.3.0.4"), strict=True):
        listener.bind((address, 0))
        listener.settimeout(2)
        speaker.sendto(b"hello", listener.getsockname())
        _, source = listener.recvfrom(100)
        assert source[0] == "10.3.0.1"
        mapped.append(source[1])
    assert len(set(mapped)) == (1 if nat is Nat.CONE else 3)

    # The answer to a flow comes in; the same from an address that nothing was sent to does not.
    speaker.settimeout(0.3)
    listeners[0].sendto(b"answer", ("10.3.0.1", mapped[0]))
    assert speaker.recv(100) == b"answer"
    with outside.entered():
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.sendto(b"unasked", ("10.3.0.1", mapped[0]))
    with pytest.raises(TimeoutError):
        speaker.recv(100)
    for sock in (speaker, stranger, *listeners):
        sock.close()


def test_firewall_lets_in_only_what_is_allowed(network: Network) -> None:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    link = network.link(alice, bob, [f"{V4[0]}/24"], [f"{V4[1]}/24"])
    allow_only(link, link.b, "udp", 7)
    assert not reaches(alice, bob, V4[1])
    with bob.entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with alice.entered():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with listener, speaker:
        listener.bind((V4[1], 7))
        listener.settimeout(2)
        speaker.sendto(b"hello", (V4[1], 7))
        assert listener.recv(100) == b"hello"


def test_names_of_hosts_are_found(network: Network) -> None:
    alice = network.namespace("alice")
    alice.name_hosts({"turn.test": "10.1.0.9"})
    code = "import socket; print(socket.gethostbyname('turn.test'))"
    assert alice.run(sys.executable, "-c", code) == "10.1.0.9\n"


def test_process_is_read_fed_and_ended(network: Network) -> None:
    alice = network.namespace("alice")
    with alice.start("cat") as cat:
        cat.send("hello world")
        assert cat.wait_for(r"hello (\w+)")[1] == "world"
        with pytest.raises(HarnessError, match=r"no line with 'absent'[^~]*hello world"):
            cat.wait_for("absent", timeout=0.1)
        assert cat.stop() == -15
    with alice.start("sh", "-c", "echo trouble >&2; exit 3") as failing:
        with pytest.raises(HarnessError, match="ended without a line"):
            failing.wait_for("never")
        assert failing.wait() == 3
        assert failing.stderr == ["trouble"]


def test_a_killed_run_is_cleaned_up_after() -> None:
    program = textwrap.dedent("""
        from tests.network.namespaces import Network
        with Network() as net:
            namespace = net.namespace("orphan")
            sleeper = namespace.start("sleep", "1000")
            print(namespace.name, sleeper.pid, flush=True)
            sleeper.wait(1000)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name, sleeper = run.stdout.readline().split()
        with Network():
            assert (NAMESPACES / name).exists()  # a living run's is left alone
        run.kill()
    assert (NAMESPACES / name).exists()
    with Network():
        assert not (NAMESPACES / name).exists()
        assert not (CONFIGURATION / name).exists()
        assert not Path(f"/proc/{sleeper}/cmdline").exists() or not Path(f"/proc/{sleeper}/cmdline").read_bytes()


def test_removed_also_after_an_error() -> None:
    def fail_within(net: Network) -> None:
        with net:
            names.append(net.namespace("short").name)
            assert (NAMESPACES / names[0]).exists()
            raise ZeroDivisionError

    names: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail_within(Network())
    assert not (NAMESPACES / names[0]).exists()
    assert not (CONFIGURATION / names[0]).exists()


def test_missing_root_or_program_fails_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HarnessError, match=r"The program ip is missing: run .*iproute2"):
        Network().__enter__()
    monkeypatch.undo()
    monkeypatch.setattr(namespaces.os, "geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match="need root"):
        Network().__enter__()
