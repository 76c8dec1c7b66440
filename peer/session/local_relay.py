"""The relay of this machine, for when none was named: found, or started inside this process. Nothing else runs one."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from peer.config import DEFAULT_PORT, PeerOptions
from peer.errors import SignalingError
from peer.events import Notice, PeerEvent, RelayStarted
from signaling.client import SignalingConnectError

T = TypeVar("T")

PORTS_TO_TRY = 10
"""How many ports are looked at, from the default one on."""


class LocalRelay(Generic[T]):
    """Finds or starts the relay of this machine.

    `connect` opens a connection to an address; a relay that is started lasts as long as `stack`.
    """

    def __init__(
        self,
        options: PeerOptions,
        connect: Callable[[str], Awaitable[T]],
        tell: Callable[[PeerEvent], None],
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._options = options
        self._connect = connect
        self._tell = tell
        self._stack = stack

    async def find_or_start(self) -> tuple[T, str]:
        """Return the connection, and the address of the relay's page. Raises `SignalingError`.

        The port is the one of the options; if they name none, the default one, or the next that no other program has.
        """
        first, count = (DEFAULT_PORT, PORTS_TO_TRY) if self._options.port is None else (self._options.port, 1)
        for port in range(first, first + count):
            connection = await self._connect_at(port, instead_of=None if port == first else first)
            if connection is not None:
                return connection, f"http://localhost:{port}/"
        if self._options.port is not None:
            raise SignalingError(f"another program has the port {first}: stop it, or choose another --port")
        raise SignalingError(f"other programs have the ports {first} to {first + count - 1}: choose one with --port")

    async def _connect_at(self, port: int, instead_of: int | None) -> T | None:
        """None when another program has the port."""
        try:
            connection = await self._connect(_url(port))
        except SignalingConnectError as error:
            if error.no_relay:
                return None
            if not error.nothing_listens:
                raise SignalingError(str(error)) from error
        else:
            if instead_of is not None:
                self._tell(Notice(f"another program has the port {instead_of}, so the relay at {_url(port)} is used"))
            if self._options.allow_origins:
                self._tell(Notice(f"--allow-origin is without effect: the relay at {_url(port)} was running already"))
            return connection
        if await self._start(port):
            self._tell(RelayStarted(_url(port), instead_of))
        try:
            return await self._connect(_url(port))  # to ours, or to that of a peer that was quicker
        except SignalingConnectError:
            return None

    async def _start(self, port: int) -> bool:
        """Start a relay; False when the port is taken."""
        from signaling.config import RelayConfig  # noqa: PLC0415  # most peers use a relay that is there already
        from signaling.relay import Relay, RelayStartError  # noqa: PLC0415

        config = RelayConfig(port=port, allowed_origins=self._options.allow_origins, token=self._options.token)
        try:
            await self._stack.enter_async_context(Relay(config, on_refused=lambda line: self._tell(Notice(line))))
        except RelayStartError as error:
            if error.taken:
                return False
            raise SignalingError(f"no relay was there, and none can be started: {error}") from error
        return True


def _url(port: int) -> str:
    return f"ws://localhost:{port}"
