"""A network that leads nowhere: whatever a namespace sends ends in a device whose other side is the test.

with Nowhere(alice) as nowhere:
    alice.run("ping", "-c1", "-W1", "8.8.8.8")
    nowhere.until("8.8.8.8")
    nowhere.sent                # {"8.8.8.8": 1}
"""

import fcntl
import ipaddress
import os
import select
import socket
import struct
import time
from collections import Counter
from typing import Self

from tests.network.errors import HarnessError
from tests.network.namespaces import Interface, Namespace

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_WATCHED = {socket.IPPROTO_TCP, socket.IPPROTO_UDP}  # the system itself looks for routers and groups by ICMP


class Nowhere:
    """The default route of a namespace, for as long as the `with` block runs."""

    address, address6 = "10.66.0.1", "fd66::1"
    """What the namespace has on it; no packet comes, but those that `put` gives it."""

    def __init__(self, namespace: Namespace) -> None:
        self.sent: Counter[str] = Counter()
        """How many packets of TCP and UDP left, by where they would have gone."""
        self.payloads: list[tuple[str, bytes]] = []
        """What the datagrams of UDP held, with where they would have gone."""
        self._interface = Interface(namespace, "nowhere0")

    def __enter__(self) -> Self:
        namespace = self._interface.namespace
        with namespace.entered():
            self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            request = struct.pack("16sH22x", self._interface.name.encode(), _IFF_TUN | _IFF_NO_PI)
            fcntl.ioctl(self._device, _TUNSETIFF, request)
        self._interface.up()
        self._interface.add_address(f"{self.address}/32")
        self._interface.add_address(f"{self.address6}/128")
        for family in ("-4", "-6"):
            namespace.ip(family, "route", "add", "default", "dev", self._interface.name)
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.close(self._device)

    def until(self, address: str, packets: int = 1, *, timeout: float = 12.0) -> None:
        """Watch until so many packets have left for an address. Raises `HarnessError` when they don't."""
        deadline = time.monotonic() + timeout
        while self.sent[address] < packets:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise HarnessError(f"{packets} packets for {address} did not leave in {timeout:g} s, but {self.sent}")
            if select.select([self._device], [], [], remaining)[0]:
                self._look(os.read(self._device, 2048))

    def put(self, source: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
        """Let a datagram of UDP come in from anywhere (IPv4)."""
        addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
        length = 8 + len(data)
        datagram = struct.pack("!HHHH", source[1], destination[1], length, 0) + data  # no checksum (RFC 768)
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
        header = header[:10] + _checksum(header) + header[12:]
        os.write(self._device, header + datagram)

    def _look(self, packet: bytes) -> None:
        if packet[0] >> 4 == 4:
            protocol, destination, payload = packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
        else:
            protocol, destination, payload = packet[6], packet[24:40], packet[40:]
        if protocol not in _WATCHED:
            return
        address = str(ipaddress.ip_address(destination))
        self.sent[address] += 1
        if protocol == socket.IPPROTO_UDP:
            self.payloads.append((address, payload[8:]))


def _checksum(header: bytes) -> bytes:
    """Of an IPv4 header (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
