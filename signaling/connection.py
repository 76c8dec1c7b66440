"""One TCP connection to the relay: an HTTP request, and the WebSocket that it asks to become.

The protocol itself is `ServerProtocol` of the library websockets, which does no I/O. This is the shell around it: it
moves bytes, assembles messages, and enforces what a stranger may do to the relay. While others leave it time, a message
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
from .framing import Pieces
from .ratelimit import TokenBucket
from .secrecy import logger_without_tokens
from .turns import Turns

FRAMES_A_TURN = 8
"""Frames that are read in a connection's turn, before others have theirs."""

LONGEST_REST = 1.0
"""Seconds that a client at most waits to be read again, however long its last message took: it may be alive."""

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


class Connection(asyncio.BufferedProtocol):
    """One client of the relay, which reads when it is its turn.

    `id` is random, and names it to the rooms and in the log.
    """

    def __init__(self, handler: ConnectionHandler, config: RelayConfig, turns: Turns) -> None:
        self.id = secrets.token_hex(8)
        self._handler = handler
        self._config = config
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(max_size=config.max_message_bytes, logger=websocket_logger)
        self._request_bytes = 0
        self._pieces = Pieces(config.max_message_bytes)
        self._is_waiting = False  # for its turn; nothing is taken in meanwhile
        self._is_deaf = False  # whatever still comes is discarded
        self._opened = False  # it became a WebSocket
        self._gone = False  # the handler was told that nothing more will come
        self._ending = False  # the TCP connection is about to close
        self._alive = True  # a whole frame came since the last ping
        self._fragments: list[Frame] = []  # of the message that is under way
        self._fragments_since = 0.0
        self._is_to_be_dropped = False  # that message: a part of it was beyond the limits
        now = self._loop.time()
        self._frames = TokenBucket(config.message_rate, config.message_burst, now)
        self._bytes = TokenBucket(config.byte_rate, config.byte_burst, now)
        self._time = TokenBucket(config.processing_rate, config.processing_burst, now)
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

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._turns.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_deaf:
            return
        self._pieces.feed(self._turns.buffer[:nbytes])
        if not self._is_waiting:
            self._turns.ask(self)

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        self._be_deaf()
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

    # What the turns call (Reader)

    def read(self, now: float) -> bool:
        """Read a request, or some frames. Whether there is more that may be read now."""
        has_more = self._read_frames(now) if self._opened else self._read_request()
        self._flush()
        if self._is_waiting and not has_more:
            self._is_waiting = False
            self._transport.resume_reading()
        return has_more

    def charge(self, now: float, seconds: float) -> bool:
        """Count what reading took; who took too much is read again after a rest."""
        rest = self._time.charge(now, seconds)
        if rest == 0 or self._is_deaf:
            return True
        self.wait()
        self._loop.call_later(min(rest, LONGEST_REST), self._turns.ask, self)
        return False

    def wait(self) -> None:
        """Take in no more until everything is read that came."""
        if not self._is_waiting:
            self._is_waiting = True
            self._transport.pause_reading()

    # HTTP

    def _read_request(self) -> bool:
        lines = self._pieces.next_request_lines()
        self._request_bytes += len(lines or b"")
        if self._request_bytes + (0 if lines else len(self._pieces)) > MAX_REQUEST_BYTES:
            self.abort()
            return False
        if lines is None:
            return False
        self._protocol.receive_data(lines)
        for event in self._protocol.events_received():
            self._on_request(cast(Request, event))
        return len(self._pieces) > 0

    def _on_request(self, request: Request) -> None:
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

    def _read_frames(self, now: float) -> bool:
        for _ in range(FRAMES_A_TURN):
            piece = self._pieces.next_frame()
            if piece is None:
                return False
            is_within_limits = self._frames.take(now) and self._bytes.take(now, len(piece))
            if not is_within_limits and not self._patience.take(now):
                self.fail(CloseCode.POLICY_VIOLATION, "You send too much.")
                return False
            self._protocol.receive_data(piece)
            for event in self._protocol.events_received():
                self._on_frame(cast(Frame, event), now, is_within_limits)
        return not self._is_deaf

    def _on_frame(self, frame: Frame, now: float, is_within_limits: bool) -> None:
        self._alive = True
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if not self._fragments:
            self._fragments_since = now
            self._is_to_be_dropped = False
        self._fragments.append(frame)
        if not is_within_limits:
            self._is_to_be_dropped = True
        if not frame.fin:
            return
        fragments, self._fragments = self._fragments, []
        if self._is_to_be_dropped:
            self._handler.rate_limited(self)
            return
        data = b"".join(fragment.data for fragment in fragments) if len(fragments) > 1 else bytes(frame.data)
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

    def _be_deaf(self) -> None:
        """Discard what came and what will come: nothing is listened to any more."""
        self._is_deaf = True
        self._pieces.clear()

    def _be_gone(self) -> None:
        if self._opened and not self._gone:
            self._gone = True
            self._handler.gone(self)

    def _flush(self) -> None:
        """Write what the protocol has to send; an empty piece stands for the end of all that is to be sent."""
        pieces = self._protocol.data_to_send()
        if (not pieces and self.is_open) or self._transport.is_closing():
            return
        if pieces:
            self._transport.write(b"".join(pieces))
        if not self._ending and self._protocol.close_expected():
            self._ending = True
            patience = self._config.close_timeout if self._opened else self._config.http_timeout
            self._set_timer(patience, self.abort)
        if b"" in pieces:
            self._be_deaf()
            self._be_gone()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:  # over TLS
                self._transport.close()
