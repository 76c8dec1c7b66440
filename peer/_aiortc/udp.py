"""Datagrams for aioice's agent, without asyncio's: many at a wake-up, each with the time at which the kernel got it.

Feedback on arrivals is about the network. Taken when Python gets to a packet, the time would have in it how busy this
process is, and a browser would hold back for that. Uses the undocumented `aioice.ice.StunProtocol`.
"""

import asyncio
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import aioice.ice

Receive = Callable[[bytes, float, tuple[Any, ...]], None]
"""Takes a datagram, when it arrived by `time.monotonic`, and where from."""

BATCH = 64
"""Datagrams read before others have their turn."""
LARGEST_DATAGRAM = 4096
SOCKET_BUFFER = 1 << 20
"""Octets: a keyframe comes at once, and may find this process busy."""
MAX_UNSENT = 2048
_TIMESTAMPS = 35 if sys.platform == "linux" else None
"""SO_TIMESTAMPNS and SCM_TIMESTAMPNS (socket(7)), which Python does not name."""
_TIMESPEC = struct.Struct("@ll")


class UdpTransport(asyncio.DatagramTransport):
    """A bound UDP socket on the running loop."""

    def __init__(self, sock: socket.socket, protocol: aioice.ice.StunProtocol, receive: Receive) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._sock = sock
        self._protocol = protocol
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[tuple[bytes, Any]] = deque()
        self._closing = False
        protocol.connection_made(self)
        self._loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        offset = time.monotonic() - time.time()
        for _ in range(BATCH):
            if self._closing:
                return
            try:
                data, ancillary, flags, address = self._sock.recvmsg(LARGEST_DATAGRAM, 64)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._protocol.error_received(error)
                return
            if data and not flags & socket.MSG_TRUNC:
                self._receive(data, _arrival(ancillary, offset), address)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram, when the socket can take it; beyond `MAX_UNSENT` that wait, it is lost."""
        if self._closing:
            return
        if not self._unsent:
            try:
                self._sock.sendto(data, addr)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._sock.fileno(), self._write)
            except OSError as error:
                self._protocol.error_received(error)
                return
            else:
                return
        if len(self._unsent) < MAX_UNSENT:
            self._unsent.append((bytes(data), addr))

    def _write(self) -> None:
        while self._unsent:
            data, address = self._unsent[0]
            try:
                self._sock.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._protocol.error_received(error)
            self._unsent.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def close(self) -> None:
        """Read and send no more. Idempotent."""
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._loop.call_soon(self._end)

    abort = close

    def _end(self) -> None:
        self._sock.close()
        self._protocol.connection_lost(None)


def _arrival(ancillary: list[tuple[int, int, bytes]], offset: float) -> float:
    """When the kernel got a datagram, by the monotonic clock, of which the other is `offset` behind."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPS and len(value) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return float(seconds + nanoseconds * 1e-9 + offset)
    return time.monotonic()


def can_read_sockets() -> bool:
    """Whether the running loop can wait for sockets: that of Windows can't."""
    return sys.platform != "win32"


def bind(address: str, protocol: aioice.ice.StunProtocol, receive: Receive) -> None:
    """Open a socket on a free port of an address of this machine. Raises `OSError`."""
    family, kind, number, _, where = socket.getaddrinfo(
        address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, number)
    try:
        sock.settimeout(0)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        if _TIMESTAMPS is not None:
            sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        sock.bind(where)
        UdpTransport(sock, protocol, receive)
    except OSError:
        sock.close()
        raise
