"""What goes wrong around a call, and how the peer gets over it: no way to the partner, no network, hanging figures."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Self

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

import peer.session.call
import peer.session.membership
from peer import ConnectTimeoutError, Peer
from peer.events import CallEnded, Connected, Problem
from peer.sdp.description import Description, take_candidates
from peer.session.connection import Connection
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import MEDIA, PATIENCE, see
from tests.peer.story import Story


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


class Page:
    """A partner as simple as pages are: it answers each offer on a connection of its own, and trickles nothing."""

    def __init__(self, url: str, role: str = "answerer") -> None:
        self._connecting = connect(url, compression=None)
        self._role = role
        self.connections: list[RTCPeerConnection] = []

    async def __aenter__(self) -> Self:
        self.socket: ClientConnection = await self._connecting
        await self.socket.send(json.dumps({"type": "join", "payload": {"role": self._role}}))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.gather(*(pc.close() for pc in self.connections))
        await self.socket.close()

    async def take(self, kind: str) -> Any:
        """The payload of the next message of this kind; others are left aside."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = json.loads(await self.socket.recv())
                if message["type"] == kind:
                    return message.get("payload")

    async def answer(self, offer: dict[str, str], *, reachable: bool) -> None:
        """Answer an offer; if not `reachable`, neither side learns an address of the other."""
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connections.append(pc)
        sdp = offer["sdp"] if reachable else without_candidates(offer["sdp"])
        await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        sdp = pc.localDescription.sdp if reachable else without_candidates(pc.localDescription.sdp)
        await self.socket.send(json.dumps({"type": "answer", "payload": {"type": "answer", "sdp": sdp}}))


def without_candidates(sdp: str) -> str:
    return take_candidates(Description("offer", sdp))[0]


def mids(offer: dict[str, str]) -> tuple[str, ...]:
    return Description("offer", offer["sdp"]).mids


async def test_no_way_to_the_partner_is_told_with_what_was_tried(relay: Relay) -> None:
    async with Page(relay.url) as page, Peer(signaling=relay.url, once=True, connect_timeout=1, **MEDIA) as one:
        await page.answer(await page.take("offer"), reachable=False)
        with pytest.raises(ConnectTimeoutError) as caught:
            await one.wait()
    assert str(caught.value).startswith("no connection within 1 s: tried our candidates (")
    assert " host) with the partner's (none)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 5


async def test_after_a_connection_that_does_not_come_up_there_is_another_offer(relay: Relay) -> None:
    story = Story()
    async with (
        Page(relay.url) as page,
        Peer(signaling=relay.url, connect_timeout=1, on_event=story, **MEDIA),
    ):
        first = await page.take("offer")
        await page.answer(first, reachable=False)
        second = await page.take("offer")
        assert mids(second) != mids(first)
        assert [problem.message.partition(":")[0] for problem in story.of(Problem)] == ["no connection within 1 s"]
        await page.answer(first, reachable=True)  # it answers an offer that is gone: nothing follows from it
        await page.answer(second, reachable=True)
        await story.have(Connected)


async def test_an_offer_is_repeated_until_it_is_answered(relay: Relay) -> None:
    story = Story()
    async with Page(relay.url) as page, Peer(signaling=relay.url, on_event=story, **MEDIA):
        first, second = await page.take("offer"), await page.take("offer")
        assert Description("offer", second["sdp"]).same_session(Description("offer", first["sdp"]))
        assert "a=candidate:" in second["sdp"]
        await page.answer(second, reachable=True)
        await story.have(Connected)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_a_machine_without_any_network_says_so_and_is_there_when_it_is_back(
    relay: Relay, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_host_addresses = aioice.ice.get_host_addresses
    attempts = 0

    def fail(**families: bool) -> list[str]:
        nonlocal attempts
        attempts += 1
        raise OSError(24, "Too many open files")

    story = Story()
    async with Peer(role=role, signaling=relay.url, on_event=story, **MEDIA) as one:
        monkeypatch.setattr("aioice.ice.get_host_addresses", fail)
        async with Page(relay.url, role="offerer"):
            pass  # who leaves at once: the peer needs a new connection now
        if role == "offerer":
            assert "Too many open files" in (await story.have(Problem)).message
            assert attempts < 10
        monkeypatch.setattr("aioice.ice.get_host_addresses", get_host_addresses)
        async with Peer(signaling=relay.url, **MEDIA) as partner:
            await asyncio.gather(see(one), see(partner))


async def test_a_call_ends_though_its_figures_hang(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(connection: Connection) -> None:
        await asyncio.Event().wait()

    story = Story()
    async with Peer(signaling=relay.url, on_event=story, **MEDIA) as one:
        async with Peer(signaling=relay.url, **MEDIA) as partner:
            await asyncio.gather(see(one), see(partner))
            monkeypatch.setattr(peer.session.call, "STATISTICS_SECONDS", 0.1)
            monkeypatch.setattr(Connection, "statistics", hang)
        await story.have(CallEnded)
        monkeypatch.undo()
        async with Peer(signaling=relay.url, **MEDIA) as partner:
            await asyncio.gather(see(one), see(partner))
    assert len(story.of(Connected)) == 2


async def test_a_peer_that_waits_for_a_turn_server_that_never_answers_ends_when_told(relay: Relay) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.setblocking(False)
        only_turn: dict[str, Any] = {
            "ice_servers": (f"turn:127.0.0.1:{mute.getsockname()[1]}",),
            "relay_only": True,
            "ice_username": "u",
            "ice_credential": "c",
        }
        for role in ("offerer", "answerer"):
            async with (
                asyncio.timeout(PATIENCE),
                Peer(role=role, signaling=relay.url, **only_turn, **MEDIA),
                Page(relay.url, "offerer") as page,
            ):
                await page.take("ready")
                assert await loop.sock_recv(mute, 1000)  # it has been asked


async def test_a_room_that_is_full_when_the_relay_is_back_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer.session.membership, "JOIN_AGAIN_SECONDS", 0.05)
    joins: list[dict[str, Any]] = []
    offered = asyncio.Event()
    joined = {"type": "joined", "roomId": "room of the relay's choice", "role": "offerer"}
    answers = [joined, {"type": "error", "message": "full"}, {"type": "error", "message": "full"}, joined]

    async def serve_peer(client: ServerConnection) -> None:
        async for text in client:
            message = json.loads(text)
            if message["type"] == "join":
                joins.append(message["payload"])
                await client.send(json.dumps(answers.pop(0)))
                if len(joins) == 1:
                    return  # which closes the socket
                if not answers:
                    await client.send('{"type": "ready"}')
            elif message["type"] == "offer":
                offered.set()

    story = Story()
    async with serve(serve_peer, "localhost", 0) as server, asyncio.timeout(PATIENCE):
        port = next(iter(server.sockets)).getsockname()[1]
        async with Peer(signaling=f"ws://localhost:{port}", on_event=story, **MEDIA):
            await offered.wait()
    assert [join.get("roomId") for join in joins] == [None, *["room of the relay's choice"] * 3]
    assert [problem.message for problem in story.of(Problem)][1:] == ["the relay says: full"]  # said once
