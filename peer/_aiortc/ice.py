"""Gathering ahead and trickle, and every STUN and TURN server: aioice's agent with these changed."""

import asyncio
import functools
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aioice
import aioice.candidate
import aioice.ice
import aioice.stun
import aiortc
import aiortc.rtcicetransport
import aiortc.rtcpeerconnection
from aiortc import RTCPeerConnection

from peer._aiortc.scope import STOCK, is_ours
from peer._aiortc.servers import look_up, server_problem, tls_context
from peer._aiortc.udp import bind, can_read_sockets
from peer.background import start_task
from peer.candidate_policy import CandidatePolicy, admitted
from peer.ice_servers import IceServer

logger = logging.getLogger(__name__)

NEXT_SERVER_AFTER_SECONDS = 0.5
"""How long a STUN or TURN server may be silent before the next one is asked too (in the manner of RFC 8305)."""
SERVER_TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = 0.02
"""Between two checks; in the first second, `HASTE_PAUSE_SECONDS`."""
HASTE_PAUSE_SECONDS = 0.005
HASTE_SECONDS = 1.0


class TrickleConnection(aioice.Connection):
    """aioice's agent, except that gathering ends with the host candidates; what servers add comes later (RFC 8838).

    Upstream waits up to 5 s for its servers before it publishes anything, and asks only one of each kind.
    Touches, of `aioice.Connection`: `_local_candidates`, `_local_candidates_start`, `_local_candidates_end`,
    `_protocols`, `_remote_candidates`, `_remote_candidates_expected`, `_pair_remote_candidate`,
    `_check_list_maybe_fail`, `_check_list`, `_check_list_state`, `_check_periodic`, `_early_checks`,
    `_early_checks_done`, `_query_consent_task`, `_unfreeze_initial`, `_transport_policy`, `_use_ipv4`, `_use_ipv6`,
    `_nominated`, and the undocumented `get_component_candidates`, `sort_check_list`, `data_received`,
    `request_received`, `check_incoming` and `query_consent`; of `aioice.ice`: `StunProtocol`, `get_host_addresses`,
    `server_reflexive_candidate`, `relayed_candidate`, `ICE_COMPLETED`; of `aioice.candidate`: `candidate_foundation`,
    `candidate_priority`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.servers: Sequence[IceServer] = ()
        """Set before gathering; those of a kind are asked in this order until one answers."""
        self.policy = CandidatePolicy.ALL
        """Which of the partner's addresses, and of the servers that a relay named, packets may go to."""
        self.on_candidate: Callable[[str], None] = lambda line: None
        """Called with each local candidate as `candidate:...`, and with "" when there will be no more."""
        self.on_server: Callable[[IceServer, str | None], None] = lambda server, problem: None
        """Called when a server answered (None), or with what went wrong."""
        self.heard_at: float | None = None
        """When the partner's last packet or check came, on the loop's clock; None before the first."""
        self.on_rtp: Callable[[bytes, float], None] | None = None
        """Called with each RTP packet and when it arrived; before it is set, they go the way of all data."""
        self._loop = asyncio.get_running_loop()
        self._servers_task: asyncio.Task[None] | None = None
        self._published = asyncio.Event()

    async def gather_candidates(self) -> None:
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        addresses: list[str] = []
        if self._transport_policy is aioice.TransportPolicy.ALL:
            addresses = aioice.ice.get_host_addresses(use_ipv4=self._use_ipv4, use_ipv6=self._use_ipv6)
        if can_read_sockets():
            candidates = [candidate for address in addresses for candidate in self._bind(address)]
        else:
            candidates = await self.get_component_candidates(component=1, addresses=addresses)
        for candidate in candidates:
            self._publish(candidate)
        self._local_candidates_end = True
        if not self.servers:
            self.on_candidate("")
            return
        self._servers_task = start_task(self._ask_servers(), "asking ICE servers")
        if not self._local_candidates:
            # aiortc starts no checks while there is no local candidate, and does not look again.
            await self._published.wait()

    def _bind(self, address: str) -> list[aioice.Candidate]:
        """Open a socket on an address of this machine; no candidate when it is gone by now."""
        protocol = aioice.ice.StunProtocol(self)
        try:
            bind(address, protocol, functools.partial(self._on_datagram, protocol))
        except OSError as error:
            logger.debug("%s can't be used: %s", address, error)
            return []
        host, port, *_ = protocol.transport.get_extra_info("sockname")
        protocol.local_candidate = aioice.Candidate(
            foundation=aioice.candidate.candidate_foundation("host", "udp", host),
            component=1,
            transport="udp",
            priority=aioice.candidate.candidate_priority(1, "host"),
            host=host,
            port=port,
            type="host",
        )
        self._protocols.append(protocol)
        return [protocol.local_candidate]

    def _publish(self, candidate: aioice.Candidate) -> None:
        if any(candidate.host == known.host and candidate.port == known.port for known in self._local_candidates):
            return  # Not behind a NAT: the server saw a host candidate (RFC 8445 §5.1.3).
        self._local_candidates.append(candidate)
        self.on_candidate(f"candidate:{candidate.to_sdp()}")
        self._published.set()

    async def _ask_servers(self) -> None:
        stun = [server for server in self.servers if not server.is_turn]
        turn = [server for server in self.servers if server.is_turn]
        hosts = [protocol for protocol in self._protocols if ":" not in protocol.local_candidate.host]
        reflexive = [self._ask(stun, functools.partial(self._reflexive, host)) for host in hosts]
        await asyncio.gather(*reflexive, self._ask(turn, self._relayed))
        self._servers_task = None
        self._published.set()
        self.on_candidate("")
        if self._early_checks_done:
            self._check_list_maybe_fail()

    async def _ask(self, servers: Sequence[IceServer], ask: Callable[[IceServer], Awaitable[None]]) -> None:
        """Ask one server after another, the next when the last one failed or is silent, until one has answered."""
        waiting = list(servers)
        asked: dict[asyncio.Task[None], IceServer] = {}
        try:
            while waiting or asked:
                if waiting:
                    server = waiting.pop(0)
                    asked[asyncio.create_task(_bounded(ask(server)))] = server
                patience = NEXT_SERVER_AFTER_SECONDS if waiting else None
                done, _ = await asyncio.wait(asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                answers = [self._report(asked.pop(task), task) for task in done]
                if any(answers):
                    return
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    def _report(self, server: IceServer, task: asyncio.Task[None]) -> bool:
        error = task.exception()
        self.on_server(server, None if error is None else server_problem(error))
        return error is None

    async def _reflexive(self, protocol: aioice.ice.StunProtocol, server: IceServer) -> None:
        address = (await look_up(server, self.policy, socket.AF_INET))[0]
        candidate, _ = await aioice.ice.server_reflexive_candidate(protocol, (address, server.port))
        self._publish(candidate)

    async def _relayed(self, server: IceServer) -> None:
        addresses = await look_up(server, self.policy)
        one_of_each_family = list({":" in address: address for address in reversed(addresses)}.values())
        for address in one_of_each_family:
            try:
                await self._allocate(server, address)
            except OSError:
                if address == one_of_each_family[-1]:
                    raise
            else:
                return

    async def _allocate(self, server: IceServer, address: str) -> None:
        candidate, protocol = await aioice.ice.relayed_candidate(
            component=1,
            hide_related_address=self._transport_policy is aioice.TransportPolicy.RELAY,
            protocol_factory=lambda: aioice.ice.StunProtocol(self),
            turn_server=(address, server.port),
            turn_username=server.username,
            turn_password=server.credential,
            turn_ssl=tls_context(server) if server.scheme == "turns" else False,  # type: ignore[arg-type]
            turn_transport=server.transport,
        )
        self._protocols.append(protocol)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        self._publish(candidate)

    def _remote_candidates_expected(self) -> bool:
        """Whether pairs may still be added: upstream forgets those that a late local candidate makes."""
        return self._servers_task is not None or super()._remote_candidates_expected()

    def _on_datagram(
        self, protocol: aioice.ice.StunProtocol, data: bytes, arrival: float, address: tuple[Any, ...]
    ) -> None:
        if self.on_rtp is not None and is_rtp(data):
            self.on_rtp(data, arrival)
        else:
            protocol.datagram_received(data, address)

    def data_received(self, data: bytes, component: int) -> None:
        if self.on_rtp is not None and is_rtp(data):
            self.on_rtp(data, time.monotonic())
        elif data:  # an empty datagram, which anybody can send, would end upstream's task
            self.heard_at = self._loop.time()
            super().data_received(data, component)

    async def connect(self) -> None:
        """Find a pair that works, with a check every 5 ms at first, the least of RFC 8445 §14.2.

        Upstream starts one every 20 ms, and sees only at the next of these that one has worked. Here the partner's
        candidates trickle in, each is tried at once, and it goes on as soon as a pair is nominated.
        """
        for candidate in self._remote_candidates:
            self._pair_remote_candidate(candidate)
        self.sort_check_list()
        self._unfreeze_initial()
        self._early_checks_done = True
        while self._early_checks:
            self.check_incoming(*self._early_checks.popleft())
        checking = start_task(self._check(), "trying addresses")
        try:
            outcome = await self._check_list_state.get()
        finally:
            for task in [checking, *(pair.task for pair in self._check_list)]:
                if task is not None:
                    task.cancel()
        if outcome != aioice.ice.ICE_COMPLETED:
            raise ConnectionError("no pair of candidates worked")
        self._query_consent_task = start_task(self.query_consent(), "asking for consent")

    async def _check(self) -> None:
        """Start a check for each pair in its turn, until one is nominated."""
        haste_ends = self._loop.time() + HASTE_SECONDS
        while self._check_periodic():
            hastes = self._loop.time() < haste_ends
            await asyncio.sleep(HASTE_PAUSE_SECONDS if hastes else PAUSE_SECONDS)

    def send_now(self, data: bytes) -> None:
        """Send to the partner, without the coroutines of `send`. Raises `ConnectionError` without a connection."""
        pair = self._nominated.get(1)
        if pair is None:
            raise ConnectionError("cannot send data: not connected")
        pair.protocol.transport.sendto(data, pair.remote_addr)

    def heard(self) -> None:
        """The partner has sent something that only it can have sent."""
        self.heard_at = self._loop.time()

    def request_received(
        self, message: aioice.stun.Message, addr: tuple[str, int], protocol: aioice.ice.StunProtocol
    ) -> None:
        """A check came. Where it came from would become a candidate (RFC 8445 §7.3.1.3): it must be one we may have."""
        if admitted(*addr, policy=self.policy) is not None:
            self.heard_at = self._loop.time()
            super().request_received(message, addr, protocol)

    def stop_asking(self) -> None:
        """Nobody needs the servers' answers any more."""
        if self._servers_task is not None:
            self._servers_task.cancel()
        self._published.set()

    async def close(self) -> None:
        task, self._servers_task = self._servers_task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._published.set()
        await super().close()


def is_rtp(data: bytes) -> bool:
    """Whether a datagram is an RTP packet: not STUN or DTLS (RFC 7983 §7), nor RTCP (RFC 5761 §4)."""
    return len(data) > 12 and 127 < data[0] < 192 and not 191 < data[1] < 224


async def _bounded(job: Awaitable[None]) -> None:
    async with asyncio.timeout(SERVER_TIMEOUT_SECONDS):
        await job


class IceTransport(aiortc.RTCIceTransport):
    """Starts nothing once it is closed: upstream raises then, in a task that nobody awaits."""

    async def start(self, remoteParameters: aiortc.RTCIceParameters) -> None:  # noqa: N803 upstream's name
        if self.state != "closed":
            await super().start(remoteParameters)


def _make_transport(gatherer: aiortc.RTCIceGatherer) -> aiortc.RTCIceTransport:
    return IceTransport(gatherer) if is_ours() else aiortc.RTCIceTransport(gatherer)


def _make_connection(*args: Any, **kwargs: Any) -> aioice.Connection:
    return TrickleConnection(*args, **kwargs) if is_ours() else aioice.Connection(*args, **kwargs)


# aiortc.rtcicetransport.Connection: the name by which RTCIceGatherer makes its agent.
aiortc.rtcicetransport.Connection = _make_connection  # type: ignore[attr-defined, assignment]


# aiortc.rtcpeerconnection.RTCIceTransport: the name by which a connection makes its transports.
aiortc.rtcpeerconnection.RTCIceTransport = _make_transport  # type: ignore[attr-defined, assignment]


def ice_connection(pc: RTCPeerConnection) -> aioice.Connection:
    """The agent under the (only) transport of a connection: `aiortc.RTCIceGatherer._connection`."""
    gatherer = pc.getTransceivers()[0].receiver.transport.transport.iceGatherer
    connection: aioice.Connection = gatherer._connection
    return connection


def keep_transport(pc: RTCPeerConnection) -> None:
    """Let all sections keep the one transport that they share, in whatever order the partner's BUNDLE group has them.

    Upstream stops it when that group begins with another section than the one it was made for, such as in an offer of
    video and audio: it goes by `aiortc.RTCRtpTransceiver._bundled`.
    """
    if not STOCK:
        for transceiver in pc.getTransceivers():
            transceiver._bundled = True


def selected_pair(pc: RTCPeerConnection) -> tuple[aioice.Candidate, aioice.Candidate] | None:
    """The local and the remote candidate that media goes between: `aioice.Connection._nominated`."""
    pair = ice_connection(pc)._nominated.get(1)
    return None if pair is None else (pair.local_candidate, pair.remote_candidate)


def host_addresses() -> frozenset[str]:
    """The addresses that host candidates would have now: the undocumented `aioice.ice.get_host_addresses`."""
    return frozenset(aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True))
