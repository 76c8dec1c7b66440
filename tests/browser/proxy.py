"""A TCP proxy that can cut its connections, or let them fall silent as a vanished network does."""

import asyncio
import contextlib
from typing import Self


class Proxy:
    """Listens on a free port of 127.0.0.1, and connects each client to `host` and `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._connections)

    @property
    def url(self) -> str:
        """The WebSocket address of what is behind the proxy."""
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def lead_to(self, host: str, port: int) -> None:
        """Break every connection; new ones lead there."""
        self._target = (host, port)
        self.cut()

    def cut(self) -> None:
        """Break every connection on both sides; new ones are possible."""
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Lose every byte of the present connections, without a word to either side; new ones work."""
        self._silent |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        onward_reader, onward_writer = await asyncio.open_connection(*self._target)
        both = {writer, onward_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._copy(reader, onward_writer), self._copy(onward_reader, writer))
        finally:
            self._writers -= both
            self._connections.discard(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # the end of a connection, whoever ended it
            while data := await reader.read(65536):
                if writer not in self._silent:
                    writer.write(data)
                    await writer.drain()
        writer.close()
