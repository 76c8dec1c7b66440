"""The client side of the signaling protocol: connect, join, send, receive, and come back after a lost socket."""

import asyncio
import errno
import ipaddress
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from .messages import (
    ClientMessage,
    Join,
    Joined,
    MessageError,
    RelayMessage,
    Role,
    parse_from_relay,
    printable,
    serialize_to_relay,
)

logger = logging.getLogger(__name__)

PING_INTERVAL = 10.0
"""Seconds between WebSocket pings, and how long each may stay unanswered before the relay counts as gone."""

CLOSE_TIMEOUT = 2.0
"""Seconds that the relay has to answer a close."""

SHORTEST_DELAY, LONGEST_DELAY = 0.2, 5.0
"""Seconds: the ceilings of the first and of the last wait before the next attempt to reconnect."""

MAX_RELAY_MESSAGE_BYTES = 1024 * 1024
"""A relay may write what it forwards in more bytes than it was sent in (escapes): so more than it takes itself."""


class SignalingConnectError(Exception):
    """There is no relay at the address. The text is one line: the address, what is wrong, and what to do.

    `nothing_listens` is true when the host answered that its port is free, so that a relay can be started there.
    """

    def __init__(self, message: str, *, nothing_listens: bool = False) -> None:
        super().__init__(message)
        self.nothing_listens = nothing_listens


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The socket to the relay is lost. `retry_in` is the time until the first new attempt in seconds, if any."""

    reason: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class Reconnected:
    """There is a socket to the relay again, and the client has asked for its place in the room."""


SignalingEvent: TypeAlias = RelayMessage | Disconnected | Reconnected


class SignalingClient:
    """One place in a room of a relay, held across lost sockets.

    Use it as an asynchronous context manager, which connects and joins, and iterate over it for what the relay
    says::

        async with SignalingClient("ws://localhost:8080", role=Role.ANSWERER, room="lab") as signaling:
            async for event in signaling:
                ...

    The iteration also drives reconnection, so keep iterating. Messages of types that this client doesn't know,
    and what is no message at all, are dropped.
    """

    def __init__(
        self,
        url: str,
        *,
        role: Role,
        room: str | None = None,
        token: str | None = None,
        open_timeout: float = 5.0,
        reconnect: bool = True,
    ) -> None:
        self.url = url
        self.role = role  # what was asked for last, until the relay says otherwise
        self.room = room  # what the caller asked for; None for any
        self._token = token
        self._open_timeout = open_timeout
        self._reconnect = reconnect
        self._place: Joined | None = None  # what the relay gave last, until the caller joins again
        self._socket: ClientConnection | None = None  # None while there is none
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._socket = await self._connect()
        await self.join()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[SignalingEvent]:
        while (connection := self._socket) is not None:
            message = await self._receive(connection)
            if message is not None:
                yield message
                continue
            self._socket = None
            if self._closed.is_set():
                return
            delay = _jittered_delay(0) if self._reconnect else None
            yield Disconnected(_why_closed(connection), retry_in=delay)
            if delay is not None and await self._connect_again(delay):
                yield Reconnected()

    async def send(self, message: ClientMessage) -> bool:
        """Send a message. False when there is no socket: the message is dropped."""
        if self._socket is None:
            return False
        try:
            await self._socket.send(serialize_to_relay(message))
        except ConnectionClosed:
            return False
        return True

    async def join(self, role: Role | None = None) -> None:
        """Join anew, in another role if one is given. The relay takes the client out of its old room first."""
        if role is not None:
            self.role = role
        self._place = None
        await self.send(Join(self.role, self.room, self._token))

    async def close(self) -> None:
        """Leave the relay (WebSocket close code 1000). The iteration ends; calling again does nothing."""
        self._closed.set()
        if self._socket is not None:
            await self._socket.close()

    async def _receive(self, connection: ClientConnection) -> RelayMessage | None:
        """Wait for the next message that makes sense; None when the socket is lost."""
        while True:
            try:
                message = parse_from_relay(await connection.recv(decode=True))
            except ConnectionClosed as error:
                logger.debug("lost the relay: %s", error)
                return None
            except MessageError as error:
                logger.debug("dropped what the relay sent: %s", error)
                continue
            if isinstance(message, Joined):
                self._place = message
                self.role = message.role
            return message

    async def _connect_again(self, delay: float) -> bool:
        """Try until there is a socket, and ask for the old place on it. False if the client was closed first."""
        attempt = 0
        while not await self._closed_within(delay):
            try:
                connection = await self._connect()
            except SignalingConnectError as error:
                logger.debug("%s", error)
                attempt += 1
                delay = _jittered_delay(attempt)
                continue
            if self._closed.is_set():  # while it was connecting
                await connection.close()
                break
            self._socket = connection
            room = (self._place and self._place.room) or self.room
            resume = self._place.resume if self._place else None
            await self.send(Join(self.role, room, self._token, resume))
            return True
        return False

    async def _closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(
                self.url,
                open_timeout=self._open_timeout,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_INTERVAL,
                close_timeout=CLOSE_TIMEOUT,
                max_size=MAX_RELAY_MESSAGE_BYTES,
                compression=None,
                # A proxy for the outside world can't reach a relay on this machine.
                proxy=None if _is_on_this_machine(self.url) else True,
            )
        except (OSError, WebSocketException, ValueError, ImportError) as error:
            raise _connect_error(self.url, error, self._open_timeout) from error


def _jittered_delay(attempt: int) -> float:
    """Full jitter: any time up to a ceiling that doubles, so that clients of one relay don't return in step."""
    ceiling = min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** min(attempt, 10))
    return random.uniform(0, ceiling)  # noqa: S311  # spreads load, keeps no secret


def _is_on_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # connecting will say what is wrong with it
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _why_closed(connection: ClientConnection) -> str:
    """Say why a socket was lost, in words for people."""
    code, reason = connection.close_code, connection.close_reason
    if code is None or code == 1006:  # RFC 6455, section 7.1.5: no close frame came
        return "the connection to the relay broke"
    return f"the relay closed the connection ({code}{' ' + printable(reason) if reason else ''})"


def _connect_error(url: str, error: Exception, timeout: float) -> SignalingConnectError:
    """Turn what connecting can fail with into one line that names the address and says what to do."""
    at = _without_secrets(url)
    nothing_listens = _is_refusal(error)
    match error:
        case _ if nothing_listens:
            text = f"nothing listens at {at}: check the address, or start a relay there (command: signaling)"
        case ssl.SSLError():
            why = printable(str(error))
            text = f"no secure connection to {at}: {why}: check the certificate, or use ws:// for a plain relay"
        case InvalidURI() | ValueError():
            text = f"{at} is not a WebSocket address: use one like ws://localhost:8080 or wss://example.com/"
        case TimeoutError():
            text = f"no answer from {at} within {timeout:g} s: check the address"
        case socket.gaierror():
            text = f"there is no host of the name in {at}: check the address"
        case ConnectionError() | EOFError():
            text = f"what answers at {at} hung up: check the address, and whether it is ws:// or wss://"
        case InvalidStatus():
            status = error.response.status_code
            text = f"what answers at {at} is no signaling relay (HTTP status {status}): check the address"
        case WebSocketException():
            text = f"what answers at {at} is no signaling relay: check the address"
        case _:
            text = f"no connection to {at}: {printable(str(error))}"
    return SignalingConnectError(text, nothing_listens=nothing_listens)


def _is_refusal(error: Exception) -> bool:
    """Whether nobody listens. A name with two addresses fails with both errors, as text, in one OSError."""
    return isinstance(error, ConnectionRefusedError) or (
        isinstance(error, OSError) and f"[Errno {errno.ECONNREFUSED}]" in str(error)
    )


def _without_secrets(url: str) -> str:
    """The address as it may be shown: without a user's name and password, and without the query."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("?")[0].partition("/")
    return printable(scheme + separator + authority.rpartition("@")[2] + slash + path)
