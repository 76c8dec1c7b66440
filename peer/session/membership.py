"""Our place in a room of the relay: what the relay says there becomes events for the driver, and news for people."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlencode

from peer import events
from peer.config import PeerOptions
from peer.errors import NegotiationError, NotAdmittedError, PeerError, SignalingError
from peer.events import PeerEvent
from peer.ice_servers import IceServer, parse_relay_servers
from peer.sdp.description import parse_candidate, parse_description
from peer.session import jsep
from signaling import messages
from signaling.client import Disconnected, Reconnected, SignalingClient
from signaling.messages import printable

logger = logging.getLogger(__name__)

JOIN_AGAIN_SECONDS = 3.0
"""How long to wait before a place is asked for again."""


class Audience(Protocol):
    """Who hears of a membership."""

    def tell(self, event: PeerEvent) -> None:
        """Say what happened."""

    def tell_once(self, problem: str) -> None:
        """Say that something is wrong, if it was not said before."""

    def attempt_failed(self, error: PeerError) -> None:
        """What the partner sent ends this attempt to call. The next one follows by itself."""


class Membership:
    """Joins a room over a client that is connected, and stays in it until `listen` is cancelled."""

    def __init__(
        self,
        signaling: SignalingClient,
        options: PeerOptions,
        page: str | None,
        post: Callable[[jsep.Event], Awaitable[None]],
        audience: Audience,
    ) -> None:
        self.relay_servers: tuple[IceServer, ...] = ()
        """The STUN and TURN servers that the relay offers."""
        self._signaling = signaling
        self._options = options
        self._page = page
        """The address of the relay's page, when it is known to serve one."""
        self._post = post
        self._audience = audience
        self._room: str | None = None
        self._place: str | None = None
        """The relay's secret for our place in the room: the same again when it is resumed."""
        self._admitted = False
        self._refused = asyncio.Event()

    async def listen(self) -> None:
        """Take what the relay says until cancelled. Raises `SignalingError` when it lets us in no more."""
        async for message in self._signaling:
            await self._on_message(message)
        raise SignalingError("the relay closed the connection")

    async def keep_asking(self) -> None:
        """Ask again, after a while, when the relay is back and refuses us: it may still hold our old place."""
        while True:
            await self._refused.wait()
            await asyncio.sleep(JOIN_AGAIN_SECONDS)
            self._refused.clear()
            if not self._admitted:
                await self.rejoin()

    async def send(self, message: messages.ClientMessage) -> None:
        """Hand a message to the relay; without one it is dropped, and the negotiation sees to it when it is back."""
        await self._signaling.send(message)

    async def rejoin(self) -> None:
        """Take a place in the same room anew."""
        self._admitted = False
        await self.send(messages.Join(self._signaling.role, self._room, self._options.token))

    async def _on_message(self, message: object) -> None:
        match message:
            case messages.Joined():
                await self._on_joined(message)
            case messages.Ready():
                await self._post(jsep.PartnerReady())
            case messages.PeerDisconnected():
                await self._post(jsep.PartnerLeft())
            case messages.Forward(kind, payload):
                await self._on_forward(kind, payload)
            case messages.Error():
                self._on_error(message)
            case Disconnected(reason, _):
                self._admitted = False
                await self._post(jsep.SignalingLost())
                self._audience.tell(events.Problem(f"{reason}; trying to reach it again"))
            case Reconnected():
                self._audience.tell(events.Notice("the relay is back"))

    async def _on_joined(self, joined: messages.Joined) -> None:
        first = self._room is None
        self._room, self._admitted = joined.room, True
        if joined.ice_servers:
            servers, problems = parse_relay_servers(joined.ice_servers)
            self.relay_servers = tuple(servers)
            for problem in problems:
                self._audience.tell_once(problem)
        page = None
        if self._page is not None:
            query = {"role": joined.role.other.value}
            query |= {"room": self._options.room} if self._options.room else {}
            page = f"{self._page}?{urlencode(query)}&start"
        if first:
            self._audience.tell(events.Joined(printable(joined.room), joined.role, page))
        resumed = joined.resume is not None and joined.resume == self._place
        self._place = joined.resume
        await self._post(jsep.Admitted(joined.role, resumed))

    async def _on_forward(self, kind: messages.ForwardKind, payload: object) -> None:
        try:
            if kind == "ice-candidate":
                await self._post(jsep.RemoteCandidate(parse_candidate(payload)))
            else:
                await self._post(jsep.RemoteDescription(parse_description(kind, payload)))
        except NegotiationError as error:
            if kind == "ice-candidate":
                logger.debug("%s", error)
            else:
                self._audience.attempt_failed(error)

    def _on_error(self, error: messages.Error) -> None:
        said = f"the relay says: {printable(error.message)}"
        if self._admitted:
            self._audience.tell_once(said)
        elif error.code == "unauthorized":
            raise NotAdmittedError(f"{said.rstrip('.')}; give the right token in PEER_TOKEN, or with --token")
        elif self._room is None:
            raise NotAdmittedError(f"{said.rstrip('.')}; choose another --room, or none")
        else:
            self._audience.tell_once(said)
            self._refused.set()
