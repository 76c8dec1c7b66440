"""A relay by somebody else, who knows only the fixed half of the protocol.

Replies have their fields at the top level only, an `error` has no code, no offer is kept for who comes late, and what
it doesn't know (`leave`, `token`, `resume`) is logged at most.
"""

import asyncio
import contextlib
import itertools
import json
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

FORWARDED = ("offer", "answer", "ice-candidate")
ROLES = ("offerer", "answerer")


class ForeignRelay:
    """Listens on a port of 127.0.0.1 that stays the same when it is killed and started again."""

    def __init__(self, *, settles_roles: bool = True) -> None:
        """Without `settles_roles` everybody has the role that was asked for, as with relays that never look."""
        self.dropped: list[str] = []
        """The types of messages that were dropped: unknown, or with nobody to forward them to."""
        self.asked: list[str] = []
        """The roles that were asked for, in order."""
        self.pairs = 0
        """How often two became ready."""
        self._settles_roles = settles_roles
        self._rooms: dict[str, dict[ServerConnection, str]] = {}  # name: {member: role}, the oldest room first
        self._numbers = itertools.count(1)
        self._paired = asyncio.Condition()
        self._port = 0
        self._server: Server

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Be gone without a word, and forget all."""
        for connection in self._server.connections:
            connection.transport.abort()
        self._server.close(close_connections=False)
        await self._server.wait_closed()
        self._rooms.clear()

    async def pair(self, number: int) -> None:
        """Wait until two have become ready so many times."""
        async with self._paired:
            await self._paired.wait_for(lambda: self.pairs >= number)

    async def _serve(self, client: ServerConnection) -> None:
        try:
            await self._send(client, "welcome", clientId=f"client-{next(self._numbers)}", message="Hello.")
            async for text in client:
                message = json.loads(text)
                await self._receive(client, message["type"], message.get("payload"))
        except ConnectionClosed:
            pass  # it left, or the relay was killed
        finally:
            await self._leave(client)

    async def _receive(self, client: ServerConnection, kind: str, payload: Any) -> None:
        if kind == "join":
            await self._join(client, payload["role"], payload.get("roomId"))
        elif kind == "ping":
            await self._send(client, "pong")
        elif kind in FORWARDED and (partner := self._partner(client)) is not None:
            await self._send(partner, kind, payload=payload)
        else:
            self.dropped.append(kind)

    async def _join(self, client: ServerConnection, role: str, name: str | None) -> None:
        await self._leave(client)
        self.asked.append(role)
        if name is None:
            waiting = (name for name, members in self._rooms.items() if len(members) == 1)
            name = next(waiting, f"room-{next(self._numbers)}")
        members = self._rooms.setdefault(name, {})
        if len(members) == 2:
            await self._send(client, "error", message="The room is full.")
            return
        if self._settles_roles and role in members.values():
            role = next(other for other in ROLES if other != role)
        members[client] = role
        await self._send(client, "joined", roomId=name, role=role, message="You are in.")
        if len(members) == 2:
            for member in tuple(members):
                await self._send(member, "ready", message="There are two of you.")
            async with self._paired:
                self.pairs += 1
                self._paired.notify_all()

    async def _leave(self, client: ServerConnection) -> None:
        partner = self._partner(client)
        for name, members in tuple(self._rooms.items()):
            members.pop(client, None)
            if not members:
                del self._rooms[name]
        if partner is not None:
            await self._send(partner, "peer-disconnected", message="The other one left.")

    def _partner(self, client: ServerConnection) -> ServerConnection | None:
        for members in self._rooms.values():
            if client in members:
                return next((member for member in members if member is not client), None)
        return None

    @staticmethod
    async def _send(client: ServerConnection, kind: str, **fields: Any) -> None:
        with contextlib.suppress(ConnectionClosed):  # its own task sees to that
            await client.send(json.dumps({"type": kind, **fields}))
