"""Open a WebSocket to a relay, or say in one line why that can't be."""

import asyncio
import errno
import ssl
from socket import gaierror
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.protocol import Event

from .loopback import is_loopback
from .messages import MessageError, Welcome, parse_from_relay, printable
from .ratelimit import TokenBucket
from .secrecy import logger_without_tokens

PING_INTERVAL = 10.0
"""Seconds between WebSocket pings, and how long each may stay unanswered before the relay counts as gone."""

CLOSE_TIMEOUT = 2.0
"""Seconds that the relay has to answer a close."""

MAX_RELAY_MESSAGE_BYTES = 1024 * 1024
"""A relay may write what it forwards in more bytes (escapes) than it was sent in: so more than it takes itself."""

FRAME_RATE, FRAME_BURST = 2000.0, 5000
"""WebSocket frames that a relay may send in a second for ever, and at once. Each ping costs an answer."""

MAX_UNSENT_BYTES = 1024 * 1024
"""Answers to pings that may wait for a relay that does not read them."""

SLICE_BYTES = 8 * 1024
"""How much is parsed before the frames in it are counted: tiny ones, 4000 of them, take some 40 ms."""


class SignalingConnectError(Exception):
    """There is no relay at the address. The text is one line: the address, what is wrong, and what to do.

    `nothing_listens` is true when the host answered that its port is free, so that a relay can be started there;
    `no_relay` when some other program has the port.
    """

    def __init__(self, message: str, *, nothing_listens: bool = False, no_relay: bool = False) -> None:
        super().__init__(message)
        self.nothing_listens = nothing_listens
        self.no_relay = no_relay


class RelayConnection(ClientConnection):
    """A WebSocket to a relay, given up when the relay does what no relay in earnest does.

    The library answers each ping before its caller sees anything, and holds what a relay does not read.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fault: str | None = None
        """Why it was given up, in words for people."""
        self._frames = TokenBucket(FRAME_RATE, FRAME_BURST, asyncio.get_running_loop().time())

    def give_up(self, fault: str) -> None:
        """Cut the connection, without a word to a relay that would not take it."""
        self.fault = self.fault or fault
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what came, as long as it is no flood."""
        for start in range(0, len(data), SLICE_BYTES):
            super().data_received(data[start : start + SLICE_BYTES])
            if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                self.give_up("the relay does not read what is sent to it")
            if self.fault:
                return

    def process_event(self, event: Event) -> None:
        """Count a frame; then take it."""
        if not self._frames.take(self.loop.time()):
            self.give_up("the relay sends a flood of frames")
        super().process_event(event)


async def connect_to_relay(url: str, timeout: float, *, expect_welcome: bool = False) -> RelayConnection:
    """Open a WebSocket within `timeout` seconds. Raises `SignalingConnectError`.

    With `expect_welcome`, a server whose first message is not the `Welcome` of a relay is none; the message is dropped.
    """
    try:
        connection = await connect(
            url,
            create_connection=RelayConnection,
            open_timeout=timeout,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_INTERVAL,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_RELAY_MESSAGE_BYTES,
            logger=logger_without_tokens("signaling.client.websocket"),
            compression=None,
            # A proxy for the outside world can't reach a relay on this machine.
            proxy=None if _is_on_this_machine(url) else True,
        )
    except (OSError, EOFError, WebSocketException, ValueError, ImportError) as error:
        raise _connect_error(url, error, timeout) from error
    if expect_welcome and not await _is_welcomed(connection, timeout):
        await connection.close()
        text = f"what answers at {_without_secrets(url)} is no signaling relay: check the address"
        raise SignalingConnectError(text, no_relay=True)
    return cast(RelayConnection, connection)


async def _is_welcomed(socket: ClientConnection, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            return isinstance(parse_from_relay(await socket.recv(decode=True)), Welcome)
    except (TimeoutError, ConnectionClosed, MessageError):
        return False


def _is_on_this_machine(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False  # connecting will say what is wrong with it


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
        case gaierror():
            text = f"there is no host of the name in {at}: check the address"
        case ConnectionError() | EOFError():
            text = f"what answers at {at} hung up: check the address, and whether it is ws:// or wss://"
        case InvalidStatus() if error.response.status_code == 403:
            text = f"what answers at {at} refuses that name (HTTP status 403): start the relay there with --allow-host"
        case InvalidStatus():
            status = error.response.status_code
            text = f"what answers at {at} is no signaling relay (HTTP status {status}): check the address"
        case WebSocketException():
            text = f"what answers at {at} is no signaling relay: check the address"
        case _:
            text = f"no connection to {at}: {printable(str(error))}"
    return SignalingConnectError(text, nothing_listens=nothing_listens, no_relay=_is_something_else(error))


def _is_refusal(error: Exception) -> bool:
    """Whether nobody listens. A name with two addresses fails with both errors, as text, in one OSError."""
    return isinstance(error, ConnectionRefusedError) or (
        isinstance(error, OSError) and f"[Errno {errno.ECONNREFUSED}]" in str(error)
    )


def _is_something_else(error: Exception) -> bool:
    """Whether somebody listens, and is silent, hangs up, or says what no relay says."""
    if isinstance(error, ConnectionRefusedError | InvalidURI):
        return False
    return isinstance(error, TimeoutError | ConnectionError | EOFError | WebSocketException)


def _without_secrets(url: str) -> str:
    """The address as it may be shown: without a user's name and password, and without the query."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("?")[0].partition("/")
    return printable(scheme + separator + authority.rpartition("@")[2] + slash + path)
