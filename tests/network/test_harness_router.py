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
def sockets(router: Router, address: str | None = None) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A UDP socket at each end, that of `a` connected to that of `b`: by the router, or by another address of `b`."""
    with router.a.namespace.entered():
        speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with router.b.namespace.entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with speaker, listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        listener.bind((address or router.b_address, 0))
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


def drain(router: Router, listener: socket.socket, sent: int) -> list[tuple[int, float]]:
    """Numbers of the packets that arrive, with the time of each, until all that were sent have arrived or are lost."""
    listener.settimeout(0.3)
    arrived: list[tuple[int, float]] = []
    while True:
        try:
            arrived.append((int.from_bytes(listener.recv(2048)[:4]), time.monotonic()))
        except TimeoutError:
            _, counters = router.counters()
            if len(arrived) + counters.lost + counters.overflowed >= sent:
                return arrived


def test_packets_take_the_delay_of_each_direction(ends: tuple[Namespace, Namespace]) -> None:
    toward_b, toward_a = Conditions(delay=0.5), Conditions(delay=0.1)
    with Router(*ends, toward_b=toward_b, toward_a=toward_a) as router, sockets(router) as (speaker, listener):
        sent = time.monotonic()
        speaker.send(b"ping")
        _, source = listener.recvfrom(10)
        there = time.monotonic()
        listener.sendto(b"pong", source)
        speaker.recv(10)
        back = time.monotonic()
    assert there - sent >= 0.5
    assert 0.1 <= back - there < 0.5


def test_conditions_change_while_it_runs_and_ipv6_passes(ends: tuple[Namespace, Namespace]) -> None:
    with Router(*ends) as router:
        before = ping(ends[0], router.b_address6)
        router.set(toward_a=Conditions(delay=0.2))
        assert before < 0.2 <= ping(ends[0], router.b_address6, count=3)


def test_loss_is_the_same_for_the_same_seed(ends: tuple[Namespace, Namespace]) -> None:
    arrived = []
    for seed in (7, 7, 8):
        lossy = Conditions(loss=0.1)
        with Router(*ends, toward_b=lossy, seed=seed) as router, sockets(router) as (speaker, listener):
            for number in range(1000):
                speaker.send(number.to_bytes(4))
            arrived.append([number for number, _ in drain(router, listener, sent=1000)])
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
        arrivals = drain(router, listener, sent=40)
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
        started = time.monotonic()
        payload = bytes(1222)  # 1250 octets with IP and UDP headers: 10 ms of line each
        for number in range(100):
            speaker.send(number.to_bytes(4) + payload[4:])
        arrivals = drain(router, listener, sent=100)
        _, counters = router.counters()
    assert len(arrivals) >= 20  # 200 ms of queue, and what left while the rest came
    assert counters.overflowed == 100 - len(arrivals) > 0
    assert arrivals[-1][1] - started >= len(arrivals) * 0.01


def test_reordering_only_when_asked_for() -> None:
    for reorder in (False, True):
        line = Line(Conditions(jitter=0.05, reorder=reorder), seed=3)
        for number in range(50):
            line.push(bytes([number]), number * 0.001)
        order = [line.pop(1.0) for _ in range(50)]
        assert (order == sorted(order, key=lambda packet: packet or b"")) is not reorder


def test_it_adds_little_of_its_own(ends: tuple[Namespace, Namespace], network: Network) -> None:
    """Compared with a veth pair in the same run: see with `pytest -s` what it adds here."""
    network.link(*ends, ["10.1.0.1/24"], ["10.1.0.2/24"])
    with Router(*ends) as router, sockets(router) as (speaker, listener):
        direct, routed = ping(ends[0], "10.1.0.2", 50), ping(ends[0], router.b_address, 50)
        rate = packets_per_second(speaker, listener, listener.getsockname())
        with sockets(router, "10.1.0.2") as (near_speaker, near_listener):
            near_rate = packets_per_second(near_speaker, near_listener, near_listener.getsockname())
    print(f"round trip: {direct * 1e6:.0f} us by veth, {routed * 1e6:.0f} us by router")
    print(f"packets of 1200 octets: {near_rate:,.0f}/s by veth, {rate:,.0f}/s by router")
    assert routed < direct + 0.02  # a fraction of the least delay that a test of a long line is about
    assert rate > near_rate / 50


def packets_per_second(speaker: socket.socket, listener: socket.socket, address: tuple[str, int]) -> float:
    """The rate of a closed loop, as a congestion-controlled sender has: never more than 50 packets on the way."""
    started = time.monotonic()
    for number in range(20_000):
        speaker.sendto(number.to_bytes(4) + bytes(1196), address)
        if number % 50 == 49:
            while int.from_bytes(listener.recv(2048)[:4]) != number:
                pass
    return 20_000 / (time.monotonic() - started)
