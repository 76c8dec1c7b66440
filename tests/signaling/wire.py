"""What the tests of the relay speak with: a client of the signaling protocol, and one that speaks bare TCP."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from signaling.relay import Relay

PATIENCE = 20
"""Seconds until a message that doesn't come fails the test."""


class Client:
    """One WebSocket to a relay, opened and greeted."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.id = ""

    async def send(self, kind: str, payload: object = ...) -> None:
        """Send a message; without a payload, it has no such field."""
        await self.send_text(json.dumps({"type": kind} if payload is ... else {"type": kind, "payload": payload}))

    async def send_text(self, text: str | bytes | Iterable[str], *, as_text: bool | None = None) -> None:
        await self.socket.send(text, text=as_text)

    async def receive(self) -> dict[str, Any]:
        """Wait for the next message, whatever it is."""
        async with asyncio.timeout(PATIENCE):
            text = await self.socket.recv()
        assert isinstance(text, str), "the relay sends text frames only"
        message = json.loads(text)
        assert isinstance(message, dict)
        return message

    async def expect(self, kind: str, **wanted: object) -> dict[str, Any]:
        """Wait for a reply; it has exactly these fields beside `message`, at the top level and in `payload`.

        `...` stands for any text.
        """
        message = await self.receive()
        assert message["type"] == kind, message
        data = message["payload"]
        assert message == {"type": kind, **data, "payload": data}
        for name, value in {"message": ..., **wanted}.items():
            if value is ...:
                assert isinstance(data[name], str)
                assert data[name]
            else:
                assert data[name] == value
        assert data.keys() == {"message", *wanted}
        return data

    async def expect_error(self, code: str) -> str:
        """Wait for an error with a code; returns its text for people."""
        text = (await self.expect("error", code=code))["message"]
        assert text.isprintable()
        assert len(text) < 300
        return text

    async def expect_forwarded(self, kind: str, payload: object) -> None:
        """Wait for what the partner sent: the type, the payload, and nothing else."""
        assert await self.receive() == {"type": kind, "payload": payload}

    async def expect_nothing(self) -> None:
        """Nothing has come until now: what comes next is the answer to a ping."""
        await self.send("ping")
        assert await self.receive() == {"type": "pong"}

    async def expect_closed(self) -> int:
        """Read to the end. Returns the close code."""
        async with asyncio.timeout(PATIENCE):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def join(self, role: str = "offerer", room: str | None = None, *, given: str | None = None) -> str:
        """Join, and be told so, with the role that was asked for unless another is given. Returns the room's name."""
        await self.send("join", {"role": role} if room is None else {"role": role, "roomId": room})
        return (await self.expect_joined(given or role, room))["roomId"]

    async def expect_joined(self, role: str, room: str | None = None) -> dict[str, Any]:
        return await self.expect("joined", roomId=room or ..., role=role, resume=...)


@asynccontextmanager
async def client_of(url: str, **options: Any) -> AsyncIterator[Client]:
    """Connect, and be welcomed."""
    async with connect(url, proxy=None, **options) as socket:
        client = Client(socket)
        client.id = (await client.expect("welcome", clientId=...))["clientId"]
        yield client


async def joined_pair(offerer: Client, answerer: Client, room: str | None = None) -> str:
    """Bring two clients together in a room, until both are ready."""
    name = await offerer.join("offerer", room)
    assert await answerer.join("answerer", name) == name
    await offerer.expect("ready")
    await answerer.expect("ready")
    return name


class BareSocket:
    """A TCP connection that can say, and leave unsaid, what no WebSocket library would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, address: tuple[str, int]) -> AsyncIterator[Self]:
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def shake_hands(self) -> None:
        """Become a WebSocket, and read the welcome."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE):
            assert (await self.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (await self.read_frame())[0] == 0x1

    def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Write a frame, masked as a client's must be (RFC 6455, section 5.2); a zero mask leaves it as it is."""
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", fin << 7 | opcode, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", fin << 7 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", fin << 7 | opcode, 0x80 | 127, size)
        self.writer.write(head + bytes(4) + payload)

    async def read_frame(self) -> tuple[int, bytes]:
        """Read one frame: its opcode and its payload."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def read_close(self) -> int:
        """Read up to a close frame. Returns its code."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == 0x8:
                return int.from_bytes(payload[:2])

    async def read_to_end(self) -> bytes:
        """Read until the relay closes the connection, in order or not."""
        data = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while piece := await self.reader.read(65536):
                    data += piece
            except ConnectionResetError:
                pass
        return data


async def fetch(
    address: tuple[str, int], path: str, *, method: str = "GET", host: str = "localhost", head: str = ""
) -> tuple[str, bytes]:
    """Ask for something over HTTP. Returns the head and the body of the answer."""
    async with BareSocket.open(address) as bare:
        bare.writer.write(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
        answer, _, body = (await bare.read_to_end()).partition(b"\r\n\r\n")
        return answer.decode(), body


async def until_clients(relay: Relay, wanted: int) -> None:
    """Ask the relay for its health until it has so many clients."""
    async with asyncio.timeout(PATIENCE):
        while json.loads((await fetch(relay.address, "/healthz"))[1])["clients"] != wanted:
            pass
