"""One RTCPeerConnection, from the first candidate to the last packet, as the negotiation's actions want it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceCandidate,
    RTCIceServer,
    RTCRtpReceiver,
    RTCStatsReport,
)
from aiortc.rtcconfiguration import RTCBundlePolicy, RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp

from peer._aiortc import (
    STOCK,
    Names,
    Receiver,
    Tap,
    TellingConnection,
    TrickleConnection,
    configure_senders,
    ice_connection,
    is_name,
    keep_transport,
    ours,
    peer_connection,
    prepare_media,
    selected_pair,
    set_latency,
)
from peer.background import start_task
from peer.candidate_policy import CandidatePolicy, admitted
from peer.ice_servers import IceServer
from peer.rtp.allowance import AT_FIRST
from peer.rtp.latency import Latency
from peer.sdp.description import Candidate, Description, take_candidates, with_bitrates
from peer.session.exchange import Exchange
from signaling.messages import printable

if TYPE_CHECKING:
    from aiortc.rtcicetransport import RTCIceTransport

logger = logging.getLogger(__name__)

KINDS = ("audio", "video")
SILENCE_SECONDS = 8.0
"""A partner that sends nothing for so long is gone: checks, RTCP or media come several times a second."""
CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """What every connection of a peer is made with."""

    ice_servers: tuple[IceServer, ...] = ()
    relay_only: bool = False
    candidates: CandidatePolicy = CandidatePolicy.ALL
    video_codec: str | None = None
    """"vp8" or "h264": the only video codec to agree to. None takes what both sides have."""
    encoder: str = "software"
    """Whose H264 to use: see `peer.media.encoders.hardware.make_h264`."""
    max_bitrate: int | None = None
    """bit/s that pictures may take. None takes what suits their size."""
    latency: Latency = Latency.BALANCED


class Listener(Protocol):
    """Who hears of a connection."""

    def on_candidate(self, candidate: Candidate) -> None:
        """A local candidate was gathered; an empty one ends them."""

    def on_server(self, server: IceServer, problem: str | None) -> None:
        """A STUN or TURN server answered (None), or did not."""

    def on_up(self) -> None:
        """Media can flow."""

    def on_lost(self, reason: str) -> None:
        """It failed, fell silent, or the partner closed it. Said once."""


@dataclass(slots=True)
class Tried:
    """What a connection that did not come up had to work with, for the error message."""

    local: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    refused: int = 0
    """Candidates of the partner that the policy or their form ruled out."""
    servers: list[str] = field(default_factory=list)
    """The STUN and TURN servers that were asked, and what came of it."""
    unknown: int = 0
    """Candidates hidden behind names that nobody answers for here."""

    def describe(self) -> str:
        """In words, with what to try."""
        refused = f", {self.refused} more ruled out" if self.refused else ""
        refused += f", {self.unknown} behind names that can't be looked up here" if self.unknown else ""
        text = f"tried our candidates ({_counted(self.local)}) with the partner's ({_counted(self.remote)}{refused})"
        if self.servers:
            text += f"; ICE servers: {', '.join(self.servers)}"
        if not self.remote and self.unknown:
            return f"{text}; allow the partner's page its camera, and its browser shows its addresses"
        if not self.remote:
            return f"{text}; the partner sent none that can be used: does its page show an error?"
        if "relay" not in self.local + self.remote:
            return f"{text}; if a firewall or NAT is between the two, name a TURN server with --ice-server turn:HOST"
        return f"{text}; check that UDP gets from the TURN server to both"


class Connection:
    """A connection to one partner. Make it inside the event loop; `start` it; `close` it, always."""

    def __init__(self, options: ConnectionOptions, tracks: Sequence[MediaStreamTrack], listener: Listener) -> None:
        self._options = options
        self._tracks = list(tracks)
        self._listener = listener
        self._refused = 0
        self._unknown = 0
        self._over = False
        self._remote_mids: tuple[str, ...] = ()
        self._held: list[Candidate] | None = []
        """Candidates that came before the partner's description was applied; None after."""
        self._servers: dict[str, str] = {}
        self._gathering: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._names = Names()
        self._pc = peer_connection(_configuration(options))
        self._exchange = Exchange(self._pc)
        with ours():
            for kind in KINDS:
                self._add_transceiver(kind)
        keep_transport(self._pc)
        set_latency(self._pc, options.latency)
        configure_senders(self._pc, options.max_bitrate, options.encoder)
        self._ice: RTCIceTransport = self._pc.getTransceivers()[0].receiver.transport.transport
        self._agent = ice_connection(self._pc)
        if isinstance(self._agent, TrickleConnection):
            self._agent.servers = options.ice_servers
            self._agent.policy = options.candidates
            self._agent.on_candidate = self._report_candidate
            self._agent.on_server = self._on_server
        if isinstance(self._pc, TellingConnection):
            self._pc.on_broken = self._on_broken
        self._pc.on("connectionstatechange", self._on_state)

    def _add_transceiver(self, kind: str) -> None:
        track = next((track for track in self._tracks if track.kind == kind), None)
        transceiver = self._pc.addTransceiver(track or kind, direction="sendrecv" if track else "recvonly")
        if kind == "video" and self._options.video_codec is not None:
            capabilities = RTCRtpReceiver.getCapabilities("video")
            codecs = capabilities.codecs if capabilities else []
            wanted = {f"video/{self._options.video_codec}".lower(), "video/rtx"}
            transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() in wanted])

    async def start(self) -> None:
        """Gather host candidates; servers are asked meanwhile. Whoever calls it again waits for the same."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._ice.iceGatherer.gather(), name="gather")
        await asyncio.shield(self._gathering)

    def partner_comes(self) -> None:
        """Have media ready by the time that both ends are busy with connecting."""
        prepare_media(self._pc)

    async def make_offer(self) -> Description:
        """The offer, without candidates, with mids that no other offer has."""
        await self.start()
        return self._without_candidates(await self._exchange.make_offer())

    async def make_answer(self, offer: Description) -> Description:
        """Apply the partner's offer, and answer it. Raises `NegotiationError`."""
        await self.start()
        sdp, candidates = take_candidates(offer)
        await self._exchange.take_offer(Description("offer", sdp))
        self._add_candidates(offer, candidates)
        answer = await self._exchange.make_answer()
        prepare_media(self._pc)
        return self._without_candidates(answer)

    async def apply_answer(self, answer: Description) -> None:
        """Apply the partner's answer to our offer. Raises `NegotiationError`."""
        sdp, candidates = take_candidates(answer)
        await self._exchange.take_answer(Description("answer", sdp))
        self._add_candidates(answer, candidates)
        prepare_media(self._pc)

    def _add_candidates(self, description: Description, candidates: list[Candidate]) -> None:
        """Add those of the partner's description that was applied, and those that came before it."""
        self._remote_mids = description.mids
        held, self._held = self._held or [], None
        for candidate in [*candidates, *held]:
            self.add_candidate(candidate)

    def add_candidate(self, candidate: Candidate) -> None:
        """Let a candidate of the partner take part, or end them; what can't be used is counted and left out."""
        if self._held is not None:
            self._held.append(candidate)
            return
        if not candidate.line:
            self._end_candidates()
            return
        if not self._is_for_bundle(candidate):
            return
        try:
            parsed = candidate_from_sdp(candidate.line.removeprefix("candidate:"))
        except (AssertionError, ValueError, IndexError):
            self._refused += 1
            return
        if parsed.protocol.lower() != "udp":
            return  # Browsers also offer TCP; aioice has none.
        host = admitted(parsed.ip, parsed.port, self._options.candidates)
        if parsed.component != 1 or host is None:
            self._refused += 1
            return
        parsed.ip = host
        self._spawn(self._add_named(parsed) if is_name(host) and not STOCK else self._ice.addRemoteCandidate(parsed))

    async def _add_named(self, candidate: RTCIceCandidate) -> None:
        """Add a candidate whose address its browser hides, when its name is found and leads where we may go."""
        if self._options.relay_only:
            return  # It is no address for a TURN server (draft-ietf-mmusic-mdns-ice-candidates §3.2).
        found = await self._names.look_up(candidate.ip)
        if found is None:
            self._unknown += 1
        elif (address := admitted(found, candidate.port, self._options.candidates)) is None:
            self._refused += 1
        else:
            candidate.ip = address
            await self._ice.addRemoteCandidate(candidate)

    def _end_candidates(self) -> None:
        """Upstream's agent is told; ours is not, and never fails early.

        When no candidate could be used, because names can't be looked up here, the partner's own checks still come
        (RFC 8863). The connect timeout ends what leads nowhere.
        """
        if not isinstance(self._agent, TrickleConnection):
            self._spawn(self._ice.addRemoteCandidate(None))

    def _is_for_bundle(self, candidate: Candidate) -> bool:
        """Whether it is of the first section, whose transport all sections share (RFC 9143 §7.3).

        Where that one is left out, all count: a browser may have gathered for any of the others.
        """
        if self._exchange.is_first_left_out:
            return True
        if candidate.mid is not None and candidate.mid in self._remote_mids:
            return candidate.mid == self._remote_mids[0]
        return candidate.index in (None, 0)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        # Tasks start in the order of their making; only one that looks up an mDNS name waits, and holds up nobody.
        task = start_task(_contained(job), "adding a candidate")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def codecs(self) -> dict[str, str]:
        """The codec of each kind, such as {"video": "VP8"}; empty before both descriptions are there."""
        return self._exchange.agreement.answer.codecs if self._exchange.agreement else {}

    @property
    def left_out(self) -> list[str]:
        """What this call has to do without, since only one side has it: a line each, for people."""
        agreement = self._exchange.agreement
        return agreement.left_out({track.kind for track in self._tracks}) if agreement else []

    @property
    def remote_tracks(self) -> list[MediaStreamTrack]:
        """The partner's tracks, once the connection is up."""
        receiving = ("recvonly", "sendrecv")
        return [t.receiver.track for t in self._pc.getTransceivers() if t.currentDirection in receiving]

    @property
    def can_tap(self) -> bool:
        """Whether what the partner sends can be had as it was coded: not with aiortc's own receivers."""
        return not STOCK

    def tap(self, tap: Tap) -> None:
        """Have everything that the partner sends as it was coded, too."""
        for receiver in self._pc.getReceivers():
            if isinstance(receiver, Receiver):
                receiver.tap(tap)

    def request_keyframe(self) -> None:
        """Ask the partner for a picture that needs no other."""
        for receiver in self._pc.getReceivers():
            if isinstance(receiver, Receiver) and receiver.kind == "video":
                receiver.request_keyframe()

    @property
    def path(self) -> str | None:
        """The types of the two candidates that media goes between, such as "host-srflx"; None before it is up."""
        pair = selected_pair(self._pc)
        return None if pair is None else f"{pair[0].type}-{pair[1].type}"

    @property
    def local_host(self) -> str | None:
        """The address of this machine that media goes from, when that is known: not behind a TURN server."""
        pair = selected_pair(self._pc)
        return pair[0].host if pair is not None and pair[0].type == "host" else None

    @property
    def tried(self) -> Tried:
        """What there was to connect with so far."""
        local = [candidate.type for candidate in self._ice.iceGatherer.getLocalCandidates()]
        remote = [candidate.type for candidate in self._ice.getRemoteCandidates()]
        servers = [f"{url} {outcome}" for url, outcome in self._servers.items()]
        return Tried(local, remote, self._refused, servers, self._unknown)

    async def statistics(self) -> RTCStatsReport:
        """What aiortc counts (W3C webrtc-stats)."""
        return await self._pc.getStats()

    async def close(self) -> None:
        """Close it, and stop its tracks. Idempotent; never raises for what the partner does."""
        self._over = True
        self._pc.remove_all_listeners()
        if self._watch is not None:
            self._watch.cancel()
        for track in self._tracks:
            track.stop()
        await self._finish_gathering()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pc.close()
        except TimeoutError:
            logger.warning("a connection did not close within %.0f s", CLOSE_SECONDS)
        await self._names.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finish_gathering(self) -> None:
        """Sockets that gathering is opening are known, and closed, only once it is done."""
        if self._gathering is not None:
            if isinstance(self._agent, TrickleConnection):
                self._agent.stop_asking()
            await asyncio.gather(self._gathering, return_exceptions=True)

    # ---- what aiortc tells

    def _on_server(self, server: IceServer, problem: str | None) -> None:
        self._servers[server.url] = problem or "answered"
        if not self._over:
            self._listener.on_server(server, problem)

    def _without_candidates(self, made: Description) -> Description:
        bare, candidates = take_candidates(made)
        if not isinstance(self._agent, TrickleConnection):
            for candidate in candidates:
                self._listener.on_candidate(candidate)
        return with_bitrates(Description(made.type, bare), AT_FIRST // 1000, AT_FIRST // 1000)

    def _report_candidate(self, line: str) -> None:
        if self._over:
            return
        ufrag = self._ice.iceGatherer.getLocalParameters().usernameFragment
        self._listener.on_candidate(Candidate(line, ufrag=ufrag))

    def _on_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self._watch = start_task(self._watch_silence(), "watching for silence")
            self._listener.on_up()
        elif state == "failed":
            self._lose("the network path to the partner failed")
        elif state == "closed":
            self._lose("the partner closed the connection")

    async def _watch_silence(self) -> None:
        if not isinstance(self._agent, TrickleConnection):
            return
        now = asyncio.get_running_loop().time
        heard = self._agent.heard_at = now()
        while (silent := now() - heard) < SILENCE_SECONDS:
            await asyncio.sleep(SILENCE_SECONDS - silent)
            heard = self._agent.heard_at
        self._lose(f"nothing came from the partner for {SILENCE_SECONDS:.0f} s")

    def _on_broken(self, error: Exception) -> None:
        logger.debug("connecting failed", exc_info=error)
        self._lose(f"the partner's description can't be used ({printable(f'{type(error).__name__}: {error}', 120)})")

    def _lose(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._listener.on_lost(reason)


def _configuration(options: ConnectionOptions) -> RTCConfiguration:
    return RTCConfiguration(
        # With the seam, its agent asks the servers; aiortc would wait for them, and ask the first of each kind only.
        iceServers=[_stock_server(server) for server in options.ice_servers] if STOCK else [],
        iceTransportPolicy=RTCIceTransportPolicy.RELAY if options.relay_only else RTCIceTransportPolicy.ALL,
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


def _stock_server(server: IceServer) -> RTCIceServer:
    return RTCIceServer(urls=server.url, username=server.username, credential=server.credential)


def _counted(types: list[str]) -> str:
    counts = Counter(types)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"


async def _contained(job: Coroutine[Any, Any, None]) -> None:
    """A candidate that aioice can't use, or a name that can't be looked up here, is one path less, no failure."""
    try:
        await job
    except (ValueError, OSError) as error:
        logger.debug("a candidate of the partner is left out: %s", error)
