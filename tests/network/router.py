"""A long or poor line between two namespaces: a router in user space between two TUN devices.

    with Router(alice, bob, toward_b=Conditions(delay=0.05, loss=0.02), toward_a=Conditions(delay=0.05)) as router:
        alice.run("ping", "-c1", router.b_address)          # takes 100 ms
        router.set(toward_b=Conditions(rate=1e6))           # in mid-call

It needs no kernel module (`tc netem` is one), and runs as a process of its own, so that the work of a test or a
benchmark does not delay its packets.
"""

import dataclasses
import fcntl
import json
import os
import select
import struct
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.network.namespaces import Interface, Namespace
from tests.network.processes import Process
from tests.network.shaping import Conditions, Counters, Line

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_MAX_PACKET = 2048  # above the MTU of a TUN device, 1500
_BURST = 64  # packets read from one side before the other has its turn
_REPOSITORY = Path(__file__).parents[2]


class Router:
    """The line, for as long as the `with` block runs. Each end gets an interface, an IPv4 and an IPv6 address."""

    def __init__(
        self,
        a: Namespace,
        b: Namespace,
        *,
        toward_a: Conditions = Conditions(),  # noqa: B008 - frozen
        toward_b: Conditions = Conditions(),  # noqa: B008
        subnet: int = 99,
        seed: int = 1,
    ) -> None:
        """`subnet` makes the addresses: 10.99.0.1 and fd99::1 for `a`, .2 and ::2 for `b`."""
        self._toward_a, self._toward_b = toward_a, toward_b
        self._seed = seed
        self.a_address, self.b_address = f"10.{subnet}.0.1", f"10.{subnet}.0.2"
        self.a_address6, self.b_address6 = f"fd{subnet:02}::1", f"fd{subnet:02}::2"
        self.a, self.b = (Interface(namespace, f"line{subnet}") for namespace in (a, b))

    def __enter__(self) -> Self:
        devices = [_open_tun(end) for end in (self.a, self.b)]
        try:
            for end, addresses in (
                (self.a, (self.a_address, self.a_address6)),
                (self.b, (self.b_address, self.b_address6)),
            ):
                # Packets wait for their conditions in `Line`, not here: this queue must never be the one that drops.
                end.namespace.ip("link", "set", end.name, "txqueuelen", "10000")
                end.up()
                end.add_address(f"{addresses[0]}/24")
                end.add_address(f"{addresses[1]}/64")
            command = [sys.executable, "-m", "tests.network.router", *map(str, devices), str(self._seed)]
            self._process = Process(command, cwd=_REPOSITORY, pass_fds=devices)
        finally:
            for device in devices:
                os.close(device)
        self.set(toward_a=self._toward_a, toward_b=self._toward_b)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()  # the devices go with it

    def set(self, *, toward_a: Conditions | None = None, toward_b: Conditions | None = None) -> None:
        """Change the conditions for packets that enter from now on."""
        conditions = (toward_a, toward_b)
        self._ask({"set": [None if c is None else dataclasses.asdict(c) for c in conditions]})

    def counters(self) -> tuple[Counters, Counters]:
        """What happened so far in the directions toward a and toward b."""
        toward_a, toward_b = self._ask({})
        return Counters(**toward_a), Counters(**toward_b)

    def _ask(self, request: dict[str, Any]) -> list[dict[str, int]]:
        answers = len(self._process.stdout)
        self._process.send(json.dumps(request))
        return json.loads(self._process.wait_for(r"^\[.*", start=answers)[0])


def _open_tun(end: Interface) -> int:
    """Make a TUN device (IP packets, no link layer) in a namespace; its descriptor, which keeps it alive."""
    with end.namespace.entered():
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", end.name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


class _Shell:
    """The router's process: packets in and out, requests on standard input, answers on standard output."""

    def __init__(self, a: int, b: int, seed: int) -> None:
        # By the device that a packet comes from: the line it takes, and the device it goes to.
        self.lines = {b: Line(Conditions(), seed), a: Line(Conditions(), seed + 1)}
        self.routes = {a: (self.lines[a], b), b: (self.lines[b], a)}

    def run(self) -> None:
        """Until standard input ends."""
        waiting_for = [*self.routes, sys.stdin.fileno()]
        while True:
            dues = [due for line in self.lines.values() if (due := line.next_due()) is not None]
            timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
            readable, _, _ = select.select(waiting_for, [], [], timeout)
            for descriptor in readable:
                if descriptor in self.routes:
                    self._receive(descriptor)
                elif not self._answer():
                    return
            self._deliver()

    def _receive(self, device: int) -> None:
        line, _ = self.routes[device]
        for _ in range(_BURST):
            try:
                packet = os.read(device, _MAX_PACKET)
            except BlockingIOError:
                return
            line.push(packet, time.monotonic())

    def _deliver(self) -> None:
        for line, device in self.routes.values():
            while (packet := line.pop(time.monotonic())) is not None:
                try:
                    os.write(device, packet)
                except OSError:  # the device is down: what is sent to it is lost, as on a real line
                    line.counters.lost += 1

    def _answer(self) -> bool:
        request = sys.stdin.readline()
        if not request:
            return False
        for line, conditions in zip(self.lines.values(), json.loads(request).get("set", ()), strict=False):
            if conditions is not None:
                line.conditions = Conditions(**conditions)
        print(json.dumps([dataclasses.asdict(line.counters) for line in self.lines.values()]), flush=True)
        return True


if __name__ == "__main__":
    _Shell(*map(int, sys.argv[1:])).run()
