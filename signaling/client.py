"""The client side of the signaling protocol: connect, join, send, receive, and come back after a lost socket."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from websockets.exceptions import ConnectionClosed

from .connecting import CLOSE_TIMEOUT, RelayConnection, SignalingConnectError, connect_to_relay
from .messages import (
    ClientMessage,
    Join,
    Joined,
    Leave,
    MessageError,
    RelayMessage,
    Role,
    parse_from_relay,
    printable,
    serialize_to_relay,
)
from .ratelimit import TokenBucket

__all__ = ["Disconnected", "Reconnected", "SignalingClient", "SignalingConnectError", "SignalingEvent"]

logger = logging.getLogger(__name__)

SHORTEST_DELAY, LONGEST_DELAY = 0.2, 5.0
"""Seconds: the ceilings of the first and of the last wait before the next attempt to reconnect."""

LASTING_SECONDS = 10.0
"""How long a place in a room must have lasted for the waits to begin anew: some relays admit, and hang up."""

SEND_SECONDS, PARTING_SECONDS = 5.0, 1.0
"""How long a relay may take nothing of what is sent to it; and so when it is the last."""

MESSAGE_RATE, MESSAGE_BURST, BYTES_AS_A_MESSAGE = 1000.0, 1000.0, 4096
"""Messages read in a second for ever, and at once, where so many bytes count as one more. A relay of this project
forwards 50 a second, of 64 KiB at most; one that sends more has to wait."""


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
        expect_welcome: bool = False,
        reconnect: bool = True,
    ) -> None:
        self.url = url
        self.role = role  # what was asked for last, until the relay says otherwise
        self.room = room  # what the caller asked for; None for any
        self._token = token
        self._open_timeout = open_timeout
        self._expect_welcome = expect_welcome  # of the first connection: it is not known to be a relay's
        self._reconnect = reconnect
        self._is_in = False  # the caller wants to be in a room
        self._place: Joined | None = None  # what the relay gave last, until the caller joins again or leaves
        self._socket: RelayConnection | None = None  # None while there is none
        self._attempts = 0  # to connect again, since the client last had a place that lasted
        self._admitted_at: float | None = None  # when the relay first gave a place over this socket
        self._closed = asyncio.Event()
        self._pace: TokenBucket  # from entering on

    async def __aenter__(self) -> Self:
        self._pace = TokenBucket(MESSAGE_RATE, MESSAGE_BURST, asyncio.get_running_loop().time())
        self._socket = await connect_to_relay(self.url, self._open_timeout, expect_welcome=self._expect_welcome)
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
            self._forgive()
            delay = self._next_delay() if self._reconnect else None
            yield Disconnected(_why_closed(connection), retry_in=delay)
            if delay is not None and await self._connect_again(delay):
                yield Reconnected()

    async def send(self, message: ClientMessage) -> bool:
        """Send a message. False when there is no socket: the message is dropped.

        A relay that takes nothing for `SEND_SECONDS` counts as lost.
        """
        patience = SEND_SECONDS
        if isinstance(message, Leave):
            self._is_in, self._place = False, None
            patience = PARTING_SECONDS
        if (connection := self._socket) is None:
            return False
        try:
            async with asyncio.timeout(patience):
                await connection.send(serialize_to_relay(message))
        except TimeoutError:
            connection.give_up(f"the relay took nothing for {patience:g} s")
            return False
        except ConnectionClosed:
            return False
        return True

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the socket goes from; None while there is none."""
        return None if self._socket is None else str(self._socket.local_address[0])

    def abandon(self) -> None:
        """Give up a socket whose way is known to be gone, without waiting until pings tell; then connect again."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def join(self, role: Role | None = None) -> None:
        """Join anew, in another role if one is given. The relay takes the client out of its old room first."""
        if role is not None:
            self.role = role
        self._is_in, self._place = True, None
        await self.send(Join(self.role, self.room, self._token))

    async def close(self) -> None:
        """Leave the relay (WebSocket close code 1000). The iteration ends; calling again does nothing."""
        self._closed.set()
        if (connection := self._socket) is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await connection.close()
            except TimeoutError:
                connection.give_up("the relay did not take the close")

    async def _receive(self, connection: RelayConnection) -> RelayMessage | None:
        """Wait for the next message that makes sense; None when the socket is lost."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                text = await connection.recv(decode=True)
                # Whoever floods waits: what is not read fills the socket, and TCP holds back the rest.
                if wait := self._pace.charge(loop.time(), 1 + len(text) / BYTES_AS_A_MESSAGE):
                    await asyncio.sleep(wait)
                message = parse_from_relay(text)
            except ConnectionClosed as error:
                logger.debug("lost the relay: %s", error)
                return None
            except MessageError as error:
                logger.debug("dropped what the relay sent: %s", error)
                continue
            if isinstance(message, Joined):
                self._place = message
                self.role = message.role
                self._admitted_at = self._admitted_at or loop.time()
            return message

    def _forgive(self) -> None:
        """Begin with short waits again, if the lost place had lasted."""
        now = asyncio.get_running_loop().time()
        if self._admitted_at is not None and now - self._admitted_at >= LASTING_SECONDS:
            self._attempts = 0
        self._admitted_at = None

    async def _connect_again(self, delay: float) -> bool:
        """Try until there is a socket, and ask for the old place on it. False if the client was closed first."""
        while not await self._closed_within(delay):
            try:
                connection = await connect_to_relay(self.url, self._open_timeout)
            except SignalingConnectError as error:
                logger.debug("%s", error)
                delay = self._next_delay()
                continue
            if self._closed.is_set():  # while it was connecting
                await connection.close()
                break
            self._socket = connection
            if self._is_in:
                room = (self._place and self._place.room) or self.room
                resume = self._place.resume if self._place else None
                await self.send(Join(self.role, room, self._token, resume))
            return True
        return False

    def _next_delay(self) -> float:
        """Full jitter: any time up to a ceiling that doubles, so that clients of one relay don't return in step."""
        ceiling = min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** min(self._attempts, 10))
        self._attempts += 1
        return random.uniform(0, ceiling)  # noqa: S311  # spreads load, keeps no secret

    async def _closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return False
        return True


def _why_closed(connection: RelayConnection) -> str:
    """Say why a socket was lost, in words for people."""
    if connection.fault:
        return connection.fault
    code, reason = connection.close_code, connection.close_reason
    if code is None or code == 1006:  # RFC 6455, section 7.1.5: no close frame came
        return "the connection to the relay broke"
    return f"the relay closed the connection ({code}{' ' + printable(reason) if reason else ''})"
