"""One TCP connection to the relay: an HTTP request, and the WebSocket that it asks to become.

The protocol itself is `ServerProtocol` of the library websockets, which does no I/O. This is the shell around it: it
moves bytes, assembles messages, and enforces what a stranger may do to the relay. Nothing in it waits, so a message
goes from one socket to the other within one call.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from .config import RelayConfig
from .ratelimit import TokenBucket
from .secrecy import logger_without_tokens

MAX_REQUEST_BYTES = 16 * 1024
"""The longest HTTP request head: the longest that browsers send is half of that."""

# The library's own log of every frame, at the level DEBUG.
websocket_logger = logger_without_tokens("signaling.websocket")


class ConnectionHandler(Protocol):
    """What a connection tells its relay."""

    def connected(self, connection: "Connection") -> None:
        """There is a TCP connection."""

    def respond(self, connection: "Connection", request: Request) -> Response | None:
        """Answer a request; None accepts it as a WebSocket."""

    def opened(self, connection: "Connection") -> None:
        """The connection is a WebSocket now."""

    def received(self, connection: "Connection", data: str | bytes) -> None:
        """A whole message came: text or binary."""

    def rate_limited(self, connection: "Connection") -> None:
        """A message was dropped, because too many came."""

    def gone(self, connection: "Connection") -> None:
        """The WebSocket is closed, or about to close: nothing more will come."""

    def lost(self, connection: "Connection") -> None:
        """The TCP connection is closed."""


class Connection(asyncio.Protocol):
    """One client of the relay. `id` is random, and names it to the rooms and in the log."""

    def __init__(self, handler: ConnectionHandler, config: RelayConfig) -> None:
        self.id = secrets.token_hex(8)
        self._handler = handler
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(max_size=config.max_message_bytes, logger=websocket_logger)
        self._request_bytes = 0
        self._opened = False  # it became a WebSocket
        self._gone = False  # the handler was told that nothing more will come
        self._ending = False  # the TCP connection is about to close
        self._alive = True  # a whole frame came since the last ping
        self._fragments: list[Frame] = []  # of the message that is under way
        self._fragments_since = 0.0
        now = self._loop.time()
        self._allowance = TokenBucket(config.message_rate, config.message_burst, now)
        self._patience = TokenBucket(1.0, config.rate_limit_patience, now)
        # The one timer: the deadline for the request, then keepalive, then the deadline for the end.
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport  # from connection_made on

    # What the relay calls

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._protocol.state is State.OPEN

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the client connected to, if the connection still has one."""
        name = self._transport.get_extra_info("sockname")
        return str(name[0]) if name else None

    def send(self, text: str) -> None:
        """Send a text message, if the WebSocket is open."""
        if self.is_open:
            self._protocol.send_text(text.encode())
            self._flush()

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake, if the WebSocket is open; a connection that is not one yet is cut off."""
        if self.is_open:
            self._protocol.send_close(code, reason)
            self._flush()
        elif self._protocol.state is State.CONNECTING:
            self.abort()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Cut a client off that broke a rule: say why, and listen no more (RFC 6455, section 7.1.7)."""
        if self.is_open:
            self._protocol.fail(code, reason)
            self._flush()

    def abort(self) -> None:
        """Close the TCP connection at once."""
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._config.max_send_buffer)
        self._set_timer(self._config.http_timeout, self.abort)
        self._handler.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._protocol.state is State.CONNECTING:
            self._request_bytes += len(data)
            if self._request_bytes > MAX_REQUEST_BYTES:
                self.abort()
                return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._on_request(event)
            elif isinstance(event, Frame):
                self._on_frame(event)
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        self._cancel_timer()
        self._be_gone()
        self._handler.lost(self)

    def pause_writing(self) -> None:
        if self._opened:  # a page's files are no flood
            # Not now: whoever is writing may be in the midst of telling several clients the same news.
            self._loop.call_soon(self._drop_slow_reader)

    def _drop_slow_reader(self) -> None:
        if self.is_open:
            self.fail(CloseCode.TRY_AGAIN_LATER, "You read too slowly.")
        else:
            self.abort()

    # HTTP

    def _on_request(self, request: Request) -> None:
        if self._protocol.close_expected():  # what came together with the request was no frame
            return
        response = self._handler.respond(self, request)
        if response is None:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if self.is_open:
            self._opened = True
            self._set_timer(self._config.ping_interval, self._ping)
            self._handler.opened(self)

    # WebSocket

    def _on_frame(self, frame: Frame) -> None:
        self._alive = True
        if self._gone:
            return
        now = self._loop.time()
        is_within_limit = self._allowance.take(now)
        if not is_within_limit and not self._patience.take(now):
            self.fail(CloseCode.POLICY_VIOLATION, "You send too many messages.")
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._on_data_frame(frame, now, is_within_limit)

    def _on_data_frame(self, frame: Frame, now: float, is_within_limit: bool) -> None:
        if not self._fragments:
            self._fragments_since = now
        self._fragments.append(frame)
        if not frame.fin:
            return
        fragments, self._fragments = self._fragments, []
        if not is_within_limit:
            self._handler.rate_limited(self)
            return
        data = b"".join(fragment.data for fragment in fragments)
        if fragments[0].opcode is Opcode.BINARY:
            self._handler.received(self, data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "Text is UTF-8.")  # RFC 6455, section 8.1
            return
        self._handler.received(self, text)

    # Time

    def _ping(self) -> None:
        if self._fragments and self._loop.time() - self._fragments_since > self._config.ping_timeout:
            self.fail(CloseCode.POLICY_VIOLATION, "Your message takes too long.")
            return
        self._alive = False
        self._protocol.send_ping(b"")
        self._flush()
        if self.is_open:
            self._set_timer(self._config.ping_timeout, self._check_alive)

    def _check_alive(self) -> None:
        if self._alive:
            self._set_timer(max(0.0, self._config.ping_interval - self._config.ping_timeout), self._ping)
        else:
            self.abort()

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(seconds, callback)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _be_gone(self) -> None:
        if self._opened and not self._gone:
            self._gone = True
            self._handler.gone(self)

    def _flush(self) -> None:
        """Write what the protocol has to send; an empty piece stands for the end of all that is to be sent."""
        pieces = self._protocol.data_to_send()
        if self._transport.is_closing():
            return
        if pieces:
            self._transport.write(b"".join(pieces))
        if not self._ending and self._protocol.close_expected():
            self._ending = True
            patience = self._config.close_timeout if self._opened else self._config.http_timeout
            self._set_timer(patience, self.abort)
        if b"" in pieces:
            self._be_gone()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:  # over TLS
                self._transport.close()
