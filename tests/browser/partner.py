"""A bare client of the relay in place of the other page."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection

PATIENCE = 30
"""Seconds until a message that doesn't come fails a test."""


class Partner:
    """Sends and receives messages as they are on the wire."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, kind: str, payload: object) -> None:
        """Send one message."""
        await self._socket.send(json.dumps({"type": kind, "payload": payload}))

    async def next(self, kind: str) -> dict[str, Any]:
        """Wait for the next message of this type; others are skipped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message: dict[str, Any] = json.loads(await self._socket.recv())
                if message["type"] == kind:
                    return message
