"""Without --signaling: a relay of this machine is found or started, whoever has its port, and keeps strangers out."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

import peer.session.local_relay
from peer import NotAdmittedError, Peer, SignalingError
from peer.cli.checks import State
from peer.cli.checks.network import check_relay
from peer.config import PeerOptions
from peer.events import Joined, Notice, RelayStarted
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import MEDIA, PATIENCE, see
from tests.peer.story import Story


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port in the place of 8080."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    monkeypatch.setattr(peer.session.local_relay, "DEFAULT_PORT", port)
    return port


def relay_of(story: Story) -> str:
    (started,) = story.of(RelayStarted)
    return started.url


async def test_the_first_peer_starts_a_relay_and_the_second_finds_it(port: int) -> None:
    stories = Story(), Story()
    async with (
        Peer(on_event=stories[0], **MEDIA) as one,
        Peer(on_event=stories[1], **MEDIA) as other,
    ):
        await asyncio.gather(see(one), see(other))
    assert stories[0].of(RelayStarted) == [RelayStarted(f"ws://localhost:{port}")]
    assert stories[1].of(RelayStarted) == []
    (joined,) = stories[0].of(Joined)
    assert joined.page == f"http://localhost:{port}/?role=answerer&start"


async def test_of_two_that_start_at_once_one_has_the_relay(port: int) -> None:
    stories = Story(), Story()
    peers = [Peer(on_event=story, **MEDIA) for story in stories]
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        await asyncio.gather(*(stack.enter_async_context(each) for each in peers))
        await asyncio.gather(*(see(each) for each in peers))
    assert len([*stories[0].of(RelayStarted), *stories[1].of(RelayStarted)]) == 1


async def test_the_pages_address_names_the_room(port: int) -> None:
    story = Story()
    async with Peer(role="answerer", room="my room & yours", on_event=story, **MEDIA):
        joined = await story.have(Joined)
    assert joined.page == f"http://localhost:{port}/?role=offerer&room=my+room+%26+yours&start"


# ---- other programs at the usual port


@asynccontextmanager
async def talker(port: int, answer: bytes, host: str = "localhost") -> AsyncIterator[None]:
    """A program that answers each request with these bytes, and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(speak, host, port):
        yield


@asynccontextmanager
async def holder(port: int) -> AsyncIterator[None]:
    """A program that has the port, and does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", port))
        yield


@asynccontextmanager
async def mute(port: int) -> AsyncIterator[None]:
    """A program that takes connections and says nothing."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda reader, writer: writers.append(writer), "localhost", port)
    yield
    for writer in writers:
        writer.close()
    server.close()


@asynccontextmanager
async def websocket(port: int) -> AsyncIterator[None]:
    """A program with a WebSocket for something else, as development servers have one."""

    async def speak(client: ServerConnection) -> None:
        await client.send('{"type": "connected"}')
        async for text in client:
            await client.send(text)

    async with serve(speak, "localhost", port):
        yield


def http(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello".encode()


OTHERS = {
    "a web server": lambda port: talker(port, http("200 OK")),
    "one that refuses": lambda port: talker(port, http("403 Forbidden")),
    "one that is out of order": lambda port: talker(port, http("502 Bad Gateway")),
    "on one address only": lambda port: talker(port, http("404 Not Found"), "127.0.0.1"),
    "no web server": lambda port: talker(port, b"SSH-2.0-OpenSSH_9.9\r\n"),
    "one that hangs up": lambda port: talker(port, b""),
    "one that does not listen": holder,
    "one that is mute": mute,
    "another WebSocket": websocket,
}


@pytest.mark.parametrize("other", OTHERS)
async def test_the_next_free_port_is_taken_and_a_second_peer_finds_it(port: int, other: str) -> None:
    stories = Story(), Story()
    async with OTHERS[other](port), asyncio.timeout(PATIENCE), Peer(on_event=stories[0], **MEDIA) as one:
        (started,) = stories[0].of(RelayStarted)
        assert started.instead_of == port
        url = started.url
        assert port < int(url.rpartition(":")[2]) < port + peer.session.local_relay.PORTS_TO_TRY
        assert (await stories[0].have(Joined)).page == f"{url.replace('ws', 'http')}/?role=answerer&start"
        if other != "a web server":  # for one of them is enough
            return
        async with Peer(on_event=stories[1], **MEDIA) as two:
            await asyncio.gather(see(one), see(two))
    assert stories[1].of(RelayStarted) == []
    assert any(str(port) in notice.message and url in notice.message for notice in stories[1].of(Notice))


async def test_a_relay_at_the_usual_port_is_joined(port: int) -> None:
    story = Story()
    async with (
        Relay(RelayConfig(port=port)) as relay,
        Peer(on_event=story, **MEDIA) as one,
        Peer(signaling=relay.url, **MEDIA) as two,
    ):
        await asyncio.gather(see(one), see(two))
    assert story.of(RelayStarted) == []


async def test_when_all_are_taken_it_is_told(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer.session.local_relay, "PORTS_TO_TRY", 1)
    async with talker(port, http("200 OK")):
        with pytest.raises(SignalingError, match=f"other programs have the ports {port} to {port}: .*--port"):
            await Peer(**MEDIA).__aenter__()


async def test_a_port_that_was_named_is_used_or_it_is_an_error(port: int) -> None:
    story = Story()
    async with Peer(port=port, on_event=story, **MEDIA) as one, Peer(port=port, **MEDIA) as two:
        await asyncio.gather(see(one), see(two))
    assert story.of(RelayStarted) == [RelayStarted(f"ws://localhost:{port}")]
    async with talker(port, http("200 OK")):
        with pytest.raises(SignalingError, match=f"another program has the port {port}: .*--port"):
            await Peer(port=port, **MEDIA).__aenter__()


@pytest.mark.parametrize("token", [None, "the token"])
async def test_the_doctor_tries_the_same(port: int, token: str | None) -> None:
    async def outcome() -> tuple[State, str]:
        (result,) = [result async for result in check_relay(PeerOptions(port=port, token=token), verbose=False)]
        return result.state, result.text

    assert await outcome() == (State.OK, f"none runs; a call starts one, with its page at http://localhost:{port}/")
    async with Relay(RelayConfig(port=port, token=token)):
        assert await outcome() == (State.OK, f"ws://localhost:{port} lets us in")
    async with Relay(RelayConfig(port=port, token="another")):
        state, text = await outcome()
        assert state is State.FAILED
        assert "wants a token" in text
    async with talker(port, http("200 OK")):
        state, text = await outcome()
        assert state is State.FAILED
        assert f"another program has the port {port}" in text


# ---- who may use the relay of a peer


async def is_let_in(url: str, origin: str | None) -> bool:
    try:
        async with connect(url, origin=origin, proxy=None):  # type: ignore[arg-type]
            return True
    except InvalidStatus as error:
        return error.response.status_code != 403


@pytest.mark.parametrize("options", [{}, {"room": "lab"}, {"room": "lab", "token": "t"}])
async def test_strangers_pages_are_not_let_in(port: int, options: dict[str, str]) -> None:
    story = Story()
    async with Peer(on_event=story, **options, **MEDIA):
        for origin in "https://evil.example", "null", "http://192.0.2.1:8080":
            assert not await is_let_in(relay_of(story), origin)
        for origin in "http://localhost:5173", f"http://localhost:{port}", None:
            assert await is_let_in(relay_of(story), origin)
    assert story.of(Notice)[0].message == (
        "refused a page of https://evil.example: if you trust it, start with --allow-origin https://evil.example"
    )


async def test_pages_that_were_named_are(port: int) -> None:
    story = Story()
    async with Peer(on_event=story, allow_origins=("https://friend.example", "null"), **MEDIA):
        for origin, welcome in {"https://friend.example": True, "null": True, "https://evil.example": False}.items():
            assert await is_let_in(relay_of(story), origin) == welcome


async def test_naming_pages_for_a_relay_that_runs_already_is_told_to_be_in_vain(port: int) -> None:
    story = Story()
    async with Relay(RelayConfig(port=port)), Peer(on_event=story, allow_origins=("null",), **MEDIA):
        assert "--allow-origin is without effect" in story.of(Notice)[0].message


async def test_a_token_is_demanded_by_a_peers_own_relay(port: int) -> None:
    story = Story()
    async with Peer(on_event=story, token="the token", **MEDIA) as one:
        await story.have(Joined)
        for wrong in None, "another":
            with pytest.raises(NotAdmittedError, match=r"token.*PEER_TOKEN"):
                async with Peer(token=wrong, **MEDIA) as stranger, asyncio.timeout(PATIENCE):
                    await stranger.wait()
        async with Peer(token="the token", **MEDIA) as two:
            await asyncio.gather(see(one), see(two))
    assert all("the token" not in str(event) for event in story.events)


async def test_who_names_no_room_is_not_brought_to_a_peer_that_did(port: int) -> None:
    async with Peer(room="lab", **MEDIA) as one, Peer(**MEDIA) as stranger, Peer(**MEDIA) as other:
        await asyncio.gather(see(stranger), see(other))
        assert one.calls == 0
