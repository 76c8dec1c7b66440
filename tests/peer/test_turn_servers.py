"""Where a TURN server's name leads, TLS still asks for the name; and no server sends us to another."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aioice import stun

from peer.ice_servers import IceServer, parse_ice_server
from peer.sdp.description import Candidate
from peer.session.connection import Connection, ConnectionOptions
from tests.network.certificates import make_certificate

PATIENCE = 15.0


class Listener:
    """Hears what came of a server."""

    def __init__(self) -> None:
        self.problem: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def on_candidate(self, candidate: Candidate) -> None:
        """Of no interest."""

    def on_server(self, server: IceServer, problem: str | None) -> None:
        """It is told once."""
        self.problem.set_result(problem)

    def on_up(self) -> None:
        """There is no partner."""

    def on_lost(self, reason: str) -> None:
        """There is no partner."""


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Listener]:
    """A connection that asks this server."""
    listener = Listener()
    connection = Connection(ConnectionOptions(ice_servers=(parse_ice_server(url, "u", "c"),)), [], listener)
    try:
        async with asyncio.timeout(PATIENCE):
            await connection.start()
            yield listener
    finally:
        await connection.close()


class TlsServer:
    """Takes a client, and notes which name it asked for and what it said first."""

    def __init__(self, folder: Path, name: str) -> None:
        certificate = make_certificate(folder, [name])
        self.authority = certificate.authority
        self.names: list[str | None] = []
        self.said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate.chain, certificate.key)
        self._context.sni_callback = lambda sslobject, name, context: self.names.append(name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._context)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.said.set_result(await reader.read(1000))
        writer.close()


async def test_tls_asks_for_the_name_and_trusts_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = TlsServer(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    async with server.running() as port, asking(f"turns:localhost:{port}"):
        request = stun.parse_message(await server.said)
    assert request.message_method == stun.Method.ALLOCATE
    assert set(server.names) == {"localhost"}


async def test_tls_trusts_no_certificate_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for the address either, which anybody who answers for the name may have one for."""
    server = TlsServer(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    async with server.running() as port, asking(f"turns:localhost:{port}") as listener:
        assert "certificate" in (await listener.problem or "")
    assert not server.said.done()


class Redirecting(asyncio.DatagramProtocol):
    """A TURN server that names another one (RFC 8656 §7.3: 300, "Try Alternate")."""

    def __init__(self, other: tuple[str, int]) -> None:
        self._other = other

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        response = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
        response.attributes["ERROR-CODE"] = (300, "Try Alternate")
        alternate = bytes([0, 1]) + self._other[1].to_bytes(2) + socket.inet_aton(self._other[0])
        encoded = bytearray(bytes(response) + (0x8023).to_bytes(2) + len(alternate).to_bytes(2) + alternate)
        encoded[2:4] = (len(encoded) - 20).to_bytes(2)
        self._transport.sendto(bytes(encoded), addr)


async def test_a_server_that_names_another_is_not_followed() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Redirecting(other.getsockname()), local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        async with asking(f"turn:127.0.0.1:{port}") as listener:
            assert await listener.problem == "refused (300)"
        transport.close()
        with pytest.raises(BlockingIOError):
            other.recv(1)
