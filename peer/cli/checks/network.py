"""Checks of the network: own addresses, UDP, the relay, STUN and TURN servers."""

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator

from peer._aiortc import host_addresses
from peer.cli.checks import Result, State
from peer.config import PeerOptions
from peer.errors import SignalingError
from peer.events import PeerEvent, RelayStarted
from peer.ice_servers import IceServer
from peer.sdp.description import Candidate
from peer.session.connection import Connection, ConnectionOptions
from peer.session.local_relay import LocalRelay
from signaling.client import SignalingClient, SignalingConnectError
from signaling.messages import Error, Joined, printable

ANSWER_SECONDS = 8.0
UDP_SECONDS = 1.0


async def check_addresses(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """Which addresses a call can go from, by type, and whether UDP works on them."""
    addresses = sorted(host_addresses())
    if not addresses:
        advice = "connect this machine to a network"
        yield Result("network", State.FAILED, "this machine has no address but its loopback", advice)
        return
    counts = Counter(_type(address) for address in addresses)
    text = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    yield Result("network", State.OK, f"addresses: {text}" + (f" ({' '.join(addresses)})" if verbose else ""))
    outcomes = await asyncio.gather(*(_echo(address) for address in addresses), return_exceptions=True)
    working = sum(outcome is None for outcome in outcomes)
    if working:
        yield Result("udp", State.OK, f"works on {working} of {len(addresses)} addresses")
    else:
        advice = "let the firewall of this machine pass UDP for Python"
        yield Result("udp", State.FAILED, "no address of this machine takes UDP packets", advice)


def _type(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    reach = "link-local" if parsed.is_link_local else "private" if parsed.is_private else "public"
    return f"{reach} IPv{parsed.version}"


async def _echo(address: str) -> None:
    """Send a packet from an address of this machine to itself. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as receiver, socket.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.settimeout(0)
        receiver.bind((address, 0))
        sender.bind((address, 0))
        sender.sendto(b"peer", receiver.getsockname())
        async with asyncio.timeout(UDP_SECONDS):
            await asyncio.get_running_loop().sock_recv(receiver, 16)


async def check_relay(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """Whether the relay lets us in, or one can be started."""
    if options.signaling is not None:
        try:
            yield await _join(options.signaling, options)
        except SignalingConnectError as error:
            yield Result("relay", State.FAILED, str(error), "check --signaling, and that the relay runs")
        return
    told: list[PeerEvent] = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            relay = LocalRelay(options, lambda url: _join(url, options), told.append, stack)
            result, page = await relay.find_or_start()
    except (SignalingError, SignalingConnectError) as error:
        yield Result("relay", State.FAILED, str(error), "name a relay with --signaling")
        return
    if any(isinstance(event, RelayStarted) for event in told):
        yield Result("relay", State.OK, f"none runs; a call starts one, with its page at {page}")
    else:
        yield result


async def _join(url: str, options: PeerOptions) -> Result:
    """Take a place in a room of its own for a moment."""
    room = f"doctor-{secrets.token_hex(8)}"
    client = SignalingClient(
        url,
        role=options.asked_role,
        room=room,
        token=options.token,
        reconnect=False,
        expect_welcome=options.signaling is None,
    )
    async with client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                async for message in client:
                    if isinstance(message, Joined):
                        return Result("relay", State.OK, f"{url} lets us in")
                    if isinstance(message, Error):
                        said = f"{url} refuses: {printable(message.message)}"
                        return Result("relay", State.FAILED, said, "check --token")
    return Result("relay", State.FAILED, f"{url} takes connections, but does not answer", "restart the relay")


async def check_servers(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """Each STUN server: does it tell our address? Each TURN server: does it give us one of its own?"""
    for server in options.parsed_ice_servers():
        problem, types = await _gather(server)
        name = f"{'turn' if server.is_turn else 'stun'} server"
        wanted = "relay" if server.is_turn else "srflx"
        if problem is None and (wanted in types or not server.is_turn):
            did = "gave us an address to be reached at" if server.is_turn else "told us our public address"
            yield Result(name, State.OK, f"{server.url} {did}")
            continue
        advice = "check its address, and that UDP to it gets through the firewall"
        if server.is_turn:
            advice = "check its address, --ice-username and --ice-credential; behind a strict firewall, try turns:"
        yield Result(name, State.FAILED, f"{server.url}: {printable(problem or 'no address came')}", advice)


async def _gather(server: IceServer) -> tuple[str | None, set[str]]:
    """Gather candidates with one server: its problem, if any, and the types of candidates that came."""
    listener = _ServerListener()
    connection = Connection(ConnectionOptions(ice_servers=(server,)), [], listener)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.start()
            await listener.gathered.wait()
    except TimeoutError:
        return "no answer", listener.types
    finally:
        await connection.close()
    return listener.problem, listener.types


class _ServerListener:
    """Hears what gathering brings."""

    def __init__(self) -> None:
        self.gathered = asyncio.Event()
        self.problem: str | None = "no answer"
        self.types: set[str] = set()

    def on_candidate(self, candidate: Candidate) -> None:
        words = candidate.line.split()
        if "typ" in words:
            self.types.add(words[words.index("typ") + 1])
        elif not candidate.line:
            self.gathered.set()

    def on_server(self, server: IceServer, problem: str | None) -> None:
        self.problem = problem

    def on_up(self) -> None:
        """There is no partner."""

    def on_lost(self, reason: str) -> None:
        """There is no partner."""
