"""The relay: connections in, rooms, connections out."""

import asyncio
import logging
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from . import web
from .admission import Admission, Refusal, is_token
from .config import RelayConfig
from .connection import Connection
from .kept import KeptOffers
from .listening import ACCEPTED_A_TURN, BACKLOG, EVERYWHERE, RelayStartError, listen
from .messages import (
    Error,
    Forward,
    Join,
    Joined,
    Leave,
    MessageError,
    Ping,
    Pong,
    Welcome,
    parse_from_client,
    serialize_to_client,
)
from .ratelimit import TokenBucket
from .rooms import Delivery, Rooms, make_open_name
from .turns import Turns

__all__ = ["Relay", "RelayStartError"]

logger = logging.getLogger(__name__)

CONNECTIONS_FOR_PAGES = 256
"""TCP connections beside those of the clients: of browsers that fetch the page, of who hasn't said what it wants."""


class Relay:
    """A signaling relay with its page, on one port.

    Use it as an asynchronous context manager; it listens until the end of the block::

        async with Relay(RelayConfig(port=0)) as relay:
            print(relay.page_url)

    Connections tell it what happens (`ConnectionHandler`), the rooms say what to send to whom. `on_refused` gets a line
    for whoever runs the relay when somebody is not let in, at most once a second for each of the two reasons.
    """

    def __init__(self, config: RelayConfig, *, on_refused: Callable[[str], None] = logger.warning) -> None:
        self.config = config
        self._on_refused = on_refused
        now = time.monotonic()
        self._lines = {"host": TokenBucket(1.0, 1, now), "origin": TokenBucket(1.0, 1, now)}
        self._rooms = Rooms(
            KeptOffers(
                max_bytes=config.kept_offer_bytes,
                max_candidates=config.kept_offer_candidates,
                max_seconds=config.kept_offer_seconds,
                max_bytes_in_all=config.kept_bytes_in_all,
                clock=time.monotonic,
            ),
            new_name=make_open_name,
            new_secret=lambda: secrets.token_urlsafe(16),
        )
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()  # all, also those that only fetch the page
        self._none_connected = asyncio.Event()
        self._none_connected.set()
        self._clients: dict[str, Connection] = {}  # the WebSockets, by id
        self._unjoined: OrderedDict[str, Connection] = OrderedDict()  # never in a room; the oldest first
        self._wrong_tokens: Counter[str] = Counter()  # by client

    async def __aenter__(self) -> Self:
        """Start to listen. Raises `RelayStartError`."""
        loop = asyncio.get_running_loop()
        listeners = await listen(self.config.host, self.config.port)
        host, port = listeners[0].getsockname()[:2]
        self._address = (str(host), int(port))
        self._admission = Admission(
            [str(listener.getsockname()[0]) for listener in listeners],
            hosts=(*self._own_name(), *self.config.allowed_hosts),
            origins=self.config.allowed_origins,
        )
        turns = Turns(loop.call_soon, loop.time)
        for listener in listeners:
            # asyncio accepts as many in one turn as may wait. All who come back at once would hold up everybody else.
            self._servers.append(
                await loop.create_server(
                    lambda: Connection(self, self.config, turns), sock=listener, backlog=ACCEPTED_A_TURN
                )
            )
            listener.listen(BACKLOG)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, grace: float = 5.0) -> None:
        """Stop listening, close every client with 1001 (going away), and cut off who is still there after `grace`.

        Seconds; a client that doesn't answer the close is cut off after `close_timeout` in any case.
        """
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.close(CloseCode.GOING_AWAY, "The relay is shutting down.")
        try:
            async with asyncio.timeout(grace):
                await self._none_connected.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
            await self._none_connected.wait()

    @property
    def address(self) -> tuple[str, int]:
        """The IP address and the port that the relay listens on; the first address, if there are several."""
        return self._address

    @property
    def url(self) -> str:
        """Where clients on this machine find the relay."""
        return f"ws://{self._authority}"

    @property
    def page_url(self) -> str:
        """Where browsers on this machine find the page."""
        return f"http://{self._authority}/"

    def _own_name(self) -> tuple[str, ...]:
        """The host that was configured; every interface is none."""
        return () if self.config.host in ("", *EVERYWHERE) else (self.config.host.lower(),)

    @property
    def _authority(self) -> str:
        host = self.config.host if self._own_name() else "localhost"
        return f"[{host}]:{self._address[1]}" if ":" in host else f"{host}:{self._address[1]}"

    # What connections tell (ConnectionHandler)

    def connected(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._none_connected.clear()
        if len(self._connections) > self.config.max_connections + CONNECTIONS_FOR_PAGES:
            connection.abort()

    def respond(self, connection: Connection, request: Request) -> Response | None:
        if refusal := self._refuse(connection, request):
            self._tell(refusal)
            return web.plain(HTTPStatus(refusal.status), refusal.answer)
        if not web.is_websocket_request(request):
            health = {
                "status": "ok",
                "connections": len(self._connections),
                "clients": len(self._clients),
                "rooms": len(self._rooms),
            }
            return web.respond(request, health)
        if len(self._clients) >= self.config.max_connections:
            return web.plain(HTTPStatus.SERVICE_UNAVAILABLE, "This relay has as many clients as it may have.")
        return None

    def _refuse(self, connection: Connection, request: Request) -> Refusal | None:
        """Look at a request's headers; only a WebSocket can do a page any good, so only it is asked for its origin."""
        hosts = request.headers.get_all("Host")
        refusal = self._admission.refuse_host(hosts, connection.local_address)
        if refusal is None and web.is_websocket_request(request):
            refusal = self._admission.refuse_page(hosts, request.headers.get_all("Origin"))
        return refusal

    def _tell(self, refusal: Refusal) -> None:
        """Tell who runs the relay, at most once a second, and of each kind, so that none can hide the other."""
        if self._lines[refusal.kind].take(time.monotonic()):
            self._on_refused(refusal.line)

    def opened(self, connection: Connection) -> None:
        self._clients[connection.id] = self._unjoined[connection.id] = connection
        self._deliver([(connection.id, Welcome(connection.id, "Welcome. Join a room."))])
        if len(self._unjoined) > self.config.max_unjoined:
            _, oldest = self._unjoined.popitem(last=False)
            oldest.fail(CloseCode.TRY_AGAIN_LATER, "You never joined a room, and others wait.")

    def received(self, connection: Connection, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._deliver([(connection.id, Error("Messages are text, not binary.", "bad-message"))])
            return
        try:
            message = parse_from_client(data)
        except MessageError as error:
            logger.debug("client %s: %s", connection.id, error)
            self._deliver([(connection.id, Error(error.message, error.code))])
            return
        match message:
            case Forward():
                self._deliver(self._rooms.forward(connection.id, message))
            case Join() if self._has_token(connection, message):
                self._unjoined.pop(connection.id, None)
                self._deliver(self._rooms.join(connection.id, message))
            case Leave():
                self._deliver(self._rooms.leave(connection.id))
            case Ping():
                self._deliver([(connection.id, Pong())])

    def _has_token(self, connection: Connection, join: Join) -> bool:
        """Whether a client may join. One that may not is told, and cut off when it goes on guessing."""
        if self.config.token is None or is_token(join.token, self.config.token):
            return True
        self._wrong_tokens[connection.id] += 1
        if self._wrong_tokens[connection.id] > self.config.max_wrong_tokens:
            connection.fail(CloseCode.POLICY_VIOLATION, "You have no token for this relay.")
        else:
            text = "This relay wants a token to let you in, and yours is not the right one."
            if join.token is None:
                text = "This relay wants a token to let you in, and you sent none."
            self._deliver([(connection.id, Error(text, "unauthorized"))])
        return False

    def rate_limited(self, connection: Connection) -> None:
        text = "You send too much: this message was dropped."
        self._deliver([(connection.id, Error(text, "rate-limited"))])

    def gone(self, connection: Connection) -> None:
        logger.info("client %s is gone", connection.id)
        self._clients.pop(connection.id, None)
        self._unjoined.pop(connection.id, None)
        self._wrong_tokens.pop(connection.id, None)
        self._deliver(self._rooms.disconnect(connection.id))

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._none_connected.set()

    def _deliver(self, deliveries: list[Delivery]) -> None:
        for client_id, message in deliveries:
            if isinstance(message, Joined):
                logger.info("client %s is in a room, as %s", client_id, message.role)
                logger.debug("client %s is in room %s", client_id, message.room)
            client = self._clients.get(client_id)
            if client is not None:
                client.send(serialize_to_client(message))
