"""The user-space line delays, loses and limits real packets as it was told, and adds little of its own."""

import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.network.namespaces import Namespace, Network
from tests.network.router import Router
from tests.network.shaping import Conditions, Line

SO_RCVBUFFORCE = 33  # Linux, asm-generic/socket.h: beyond the system's limit, for root


@pytest.fixture
def ends(network: Network) -> tuple[Namespace, Namespace]:
    return network.namespace("alice"), network.namespace("bob")


@contextmanager
def sockets(router: Router) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A UDP socket at each end, that of `a` connected to that of `b`."""
    with router.a.namespace.entered():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with router.b.namespace.entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with speaker, listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        listener.bind((router.b_address, 0))
        speaker.connect(listener.getsockname())
        for sock in (speaker, listener):
            sock.settimeout(2)
        yield speaker, listener


def ping(sender: Namespace, address: str, count: int = 10) -> float:
    """The least round-trip time, in seconds."""
    output = sender.run("ping", "-q", "-i", "0.01", "-c", str(count), address)
    match = re.search(r"rtt min/avg/max/mdev = ([\d.]+)/", output)
    assert match, output
    return float(match[1]) / 1000


def drain(listener: socket.socket, quiet: float = 0.3) -> list[tuple[int, float]]:
    """Numbers of the packets that arrive, with the time of each, until none comes for `quiet` seconds."""
    listener.settimeout(quiet)
    arrived = []
    try:
        while True:
            arrived.append((int.from_bytes(listener.recv(2048)[:4]), time.monotonic()))
    except TimeoutError:
        return arrived


def test_packets_take_the_delay_of_each_direction(ends: tuple[Namespace, Namespace]) -> None:
    toward_b, toward_a = Conditions(delay=0.08), Conditions(delay=0.03)
    with Router(*ends, toward_b=toward_b, toward_a=toward_a) as router, sockets(router) as (speaker, listener):
        sent = time.monotonic()
        speaker.send(b"ping")
        _, source = listener.recvfrom(10)
        there = time.monotonic()
        listener.sendto(b"pong", source)
        speaker.recv(10)
        back = time.monotonic()
    assert 0.08 <= there - sent < 0.08 + 0.03
    assert 0.03 <= back - there < 0.03 + 0.03


def test_conditions_change_while_it_runs_and_ipv6_passes(ends: tuple[Namespace, Namespace]) -> None:
    with Router(*ends) as router:
        assert ping(ends[0], router.b_address6) < 0.02
        router.set(toward_a=Conditions(delay=0.05))
        assert 0.05 <= ping(ends[0], router.b_address6, count=3) < 0.08


def test_loss_is_the_same_for_the_same_seed(ends: tuple[Namespace, Namespace]) -> None:
    arrived = []
    for seed in (7, 7, 8):
        lossy = Conditions(loss=0.1)
        with Router(*ends, toward_b=lossy, seed=seed) as router, sockets(router) as (speaker, listener):
            for number in range(1000):
                speaker.send(number.to_bytes(4))
            arrived.append([number for number, _ in drain(listener)])
            _, counters = router.counters()
            assert counters.packets >= 1000  # the kernel adds a few of its own
            assert counters.lost >= 1000 - len(arrived[-1])
    assert 50 < 1000 - len(arrived[0]) < 150
    assert arrived[0] == arrived[1] != arrived[2]


def test_jitter_spreads_arrivals_in_order(ends: tuple[Namespace, Namespace]) -> None:
    jitter = Conditions(delay=0.02, jitter=0.05)
    with Router(*ends, toward_b=jitter) as router, sockets(router) as (speaker, listener):
        sent = []
        for number in range(40):
            sent.append(time.monotonic())
            speaker.send(number.to_bytes(4))
            time.sleep(0.025)  # the spacing of the packets, not a wait for something to happen
        arrivals = drain(listener)
    assert [number for number, _ in arrivals] == list(range(40))
    # The kernel's buffer hides the times of arrival from a reader that comes late: ask the sans-I/O part for spread.
    line = Line(jitter, seed=1)
    waits = []
    for number in range(400):
        line.push(b"x", number * 0.1)
        due = line.next_due()
        assert due is not None
        waits.append(due - number * 0.1)
        line.pop(due)
    assert min(waits) >= 0.02
    assert max(waits) <= 0.07
    assert statistics.pstdev(waits) > 0.01


def test_bottleneck_limits_the_rate_and_drops_what_its_queue_cannot_hold(ends: tuple[Namespace, Namespace]) -> None:
    narrow = Conditions(rate=1_000_000, queue=0.2)
    with Router(*ends, toward_b=narrow) as router, sockets(router) as (speaker, listener):
        payload = bytes(1222)  # 1250 octets with IP and UDP headers: 10 ms of line each
        for number in range(100):
            speaker.send(number.to_bytes(4) + payload[4:])
        arrivals = drain(listener)
        _, counters = router.counters()
    assert 20 <= len(arrivals) <= 24  # 200 ms of queue, and what left while the rest came
    assert counters.overflowed == 100 - len(arrivals)
    span = arrivals[-1][1] - arrivals[0][1]
    assert span == pytest.approx((len(arrivals) - 1) * 0.01, abs=0.03)


def test_reordering_only_when_asked_for() -> None:
    for reorder in (False, True):
        line = Line(Conditions(jitter=0.05, reorder=reorder), seed=3)
        for number in range(50):
            line.push(bytes([number]), number * 0.001)
        order = [line.pop(1.0) for _ in range(50)]
        assert (order == sorted(order, key=lambda packet: packet or b"")) is not reorder


def test_it_adds_little_of_its_own(ends: tuple[Namespace, Namespace], network: Network) -> None:
    """Compared with a veth pair in the same run; the bounds are wide, for machines that are busy with other things."""
    network.link(*ends, ["10.1.0.1/24"], ["10.1.0.2/24"])
    with Router(*ends) as router, sockets(router) as (speaker, listener):
        direct, routed = ping(ends[0], "10.1.0.2", 50), ping(ends[0], router.b_address, 50)
        started = time.monotonic()
        for number in range(20_000):
            speaker.send(number.to_bytes(4) + bytes(1196))
            if number % 50 == 49:
                # A closed loop, as a congestion-controlled sender has: never more than 50 packets on the way.
                while int.from_bytes(listener.recv(2048)[:4]) != number:
                    pass
        rate = 20_000 / (time.monotonic() - started)
    print(f"round trip {direct * 1e6:.0f} us by veth, {routed * 1e6:.0f} us by router; {rate:,.0f} packets/s")
    assert routed - direct < 0.002
    assert rate > 5_000
