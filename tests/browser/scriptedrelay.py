"""A relay that says to each page that joins whatever a test wants it to say."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve


@asynccontextmanager
async def relay_that_says(*messages: object) -> AsyncIterator[str]:
    """Answer each `join` with these messages: texts as they are, anything else as JSON. Gives the address."""

    async def handle(socket: ServerConnection) -> None:
        async for text in socket:
            if json.loads(text)["type"] == "join":
                for message in messages:
                    await socket.send(message if isinstance(message, str) else json.dumps(message))

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
