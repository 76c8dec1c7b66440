"""Looking up the names behind which browsers hide their addresses (mDNS, RFC 6762): aioice's way, made to work.

aioice throws away every message that has something in it which dnspython can't read. Chromium's answers do: an NSEC
record with a compressed name, which RFC 6762 §18.14 allows, and dnspython from 2.9 on does not. It also asks once only;
multicast has no repetition of its own, and is the first thing that Wi-Fi loses.
"""

import asyncio
import logging
import socket

import dns.exception
import dns.message
from aioice import mdns

logger = logging.getLogger(__name__)

ATTEMPTS = (0.5, 1.0, 2.0)
"""How many seconds each question waits for its answer before it is asked again."""


def is_name(host: str) -> bool:
    """Whether a candidate's host is such a name, and no address."""
    return mdns.is_mdns_hostname(host)


class _Protocol(mdns.MDnsProtocol):
    def datagram_received(self, data: bytes | str, addr: tuple[object, ...]) -> None:
        if isinstance(data, bytes):
            try:
                message = dns.message.from_wire(data, continue_on_error=True, ignore_trailing=True)
                message.authority, message.additional = [], []
                super().datagram_received(message.to_wire(), addr)
            except dns.exception.DNSException:
                return  # not for us: anything can come from the network


class Names:
    """The look-ups of one connection. `close` it, always."""

    def __init__(self) -> None:
        self._opening: asyncio.Task[_Protocol] | None = None

    async def look_up(self, name: str) -> str | None:
        """The address of a name; None when nobody answers, or questions can't be asked here."""
        if self._opening is None:
            self._opening = asyncio.create_task(_open(), name="mDNS")
        try:
            protocol = await asyncio.shield(self._opening)
        except OSError as error:
            logger.debug("no mDNS here: %s", error)
            return None
        for seconds in ATTEMPTS:
            address = await protocol.resolve(name, timeout=seconds)
            if address is not None:
                return address
        return None

    async def close(self) -> None:
        """End what is being looked up, without an answer."""
        if self._opening is not None:
            (opened,) = await asyncio.gather(self._opening, return_exceptions=True)
            if isinstance(opened, _Protocol):
                await opened.close()
                self._opening = None


async def _open() -> _Protocol:
    """As `aioice.mdns.create_mdns_protocol` does: a socket for questions and answers, shared with other programs."""
    loop = asyncio.get_running_loop()
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("", mdns.MDNS_PORT))
        _, protocol = await loop.create_datagram_endpoint(_Protocol, sock=listener)
    except OSError:
        listener.close()
        raise
    return protocol
