"""The client side: it finds its relay, obeys it, loses it, and finds it again."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from relayprocess import RelayProcess
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire import PATIENCE, Client

from signaling import client as client_module
from signaling import connecting
from signaling.client import Disconnected, Reconnected, SignalingClient
from signaling.messages import (
    Error,
    Forward,
    Joined,
    Leave,
    PeerDisconnected,
    Ping,
    Pong,
    Ready,
    Role,
    Welcome,
)
from signaling.relay import Relay

MakeClient = Callable[..., Awaitable[Client]]


class Events:
    """What a client tells, one after the other, with a limit to the waiting."""

    def __init__(self, signaling: SignalingClient) -> None:
        self.iterator = aiter(signaling)

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await anext(self.iterator)

    async def until(self, kind: type) -> Any:
        """Skip what is of another kind."""
        while not isinstance(event := await self.next(), kind):
            pass
        return event

    async def end(self) -> None:
        """There is no more."""
        with pytest.raises(StopAsyncIteration):
            await self.next()


class TestTalking:
    async def test_it_speaks_the_whole_protocol(self, relay: Relay, client: MakeClient) -> None:
        other = await client()
        async with SignalingClient(relay.url, role=Role.OFFERER, room="lab") as signaling:
            events = Events(signaling)
            assert isinstance(await events.next(), Welcome)
            joined = await events.next()
            assert (joined.room, joined.role) == ("lab", Role.OFFERER)
            await other.join("offerer", "lab", given="answerer")
            await other.expect("ready")
            assert isinstance(await events.next(), Ready)
            assert await signaling.send(Forward("offer", {"sdp": "v=0"}))
            await other.expect_forwarded("offer", {"sdp": "v=0"})
            await other.send("ice-candidate", None)
            assert await events.next() == Forward("ice-candidate", None)
            await signaling.send(Ping())
            assert await events.next() == Pong()
            await signaling.send(Leave())
            await other.expect("peer-disconnected")
            await signaling.send(Forward("answer", ""))
            assert (await events.next()).code == "not-in-room"

    async def test_it_holds_the_role_that_it_is_given(self, relay: Relay, client: MakeClient) -> None:
        other = await client()
        await other.join("offerer", "lab")
        async with SignalingClient(relay.url, role=Role.OFFERER, room="lab") as signaling:
            assert (await Events(signaling).until(Joined)).role is Role.ANSWERER
            assert signaling.role is Role.ANSWERER

    async def test_it_joins_again_in_another_role(self, relay: Relay) -> None:
        async with SignalingClient(relay.url, role=Role.OFFERER, room="lab") as signaling:
            events = Events(signaling)
            await events.until(Joined)
            await signaling.join(Role.ANSWERER)
            assert (await events.until(Joined)).role is Role.ANSWERER
            await signaling.join()
            assert (await events.until(Joined)).role is Role.ANSWERER

    async def test_it_carries_its_token(self) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def listen(socket: ServerConnection) -> None:
            async for text in socket:
                heard.put_nowait(str(text))

        async with serve(listen, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.ANSWERER, token="secret"):
                async with asyncio.timeout(PATIENCE):
                    text = await heard.get()
        assert json.loads(text) == {"type": "join", "payload": {"role": "answerer", "token": "secret"}}

    async def test_closing_is_graceful_and_ends_the_iteration(self, relay: Relay, client: MakeClient) -> None:
        other = await client()
        await other.join("answerer", "lab")
        async with SignalingClient(relay.url, role=Role.OFFERER, room="lab") as signaling:
            events = Events(signaling)
            await events.until(Ready)
            await other.expect("ready")
            await signaling.close()
            await signaling.close()
            await other.expect("peer-disconnected")
            await events.end()
            assert not await signaling.send(Ping())


class TestLosingTheRelay:
    async def test_killed_and_started_again_it_is_found_again(self) -> None:
        async with (
            RelayProcess.start("--port", "0") as relay,
            SignalingClient(relay.url, role=Role.OFFERER) as one,
            SignalingClient(relay.url, role=Role.OFFERER) as two,
        ):
            ones, twos = Events(one), Events(two)
            for events in ones, twos:
                await events.until(Ready)
            await relay.end(signal.SIGKILL)
            for events in ones, twos:
                lost = await events.until(Disconnected)
                assert lost.reason
                assert 0 <= lost.retry_in <= client_module.SHORTEST_DELAY
            assert not await one.send(Ping())
            async with RelayProcess.start("--port", str(relay.port)):
                back = [await events.until(Joined) for events in (ones, twos)]
                assert back[0].room == back[1].room
                assert {joined.role for joined in back} == {Role.OFFERER, Role.ANSWERER}
                for events in ones, twos:
                    await events.until(Ready)

    async def test_reconnected_comes_before_what_the_relay_says(self, relay: Relay, client: MakeClient) -> None:
        async with (
            Detour(relay.address) as detour,
            SignalingClient(detour.url, role=Role.OFFERER, room="lab") as signaling,
        ):
            events = Events(signaling)
            await events.until(Joined)
            detour.cut()
            assert isinstance(await events.next(), Disconnected)
            assert await events.next() == Reconnected()
            assert isinstance(await events.next(), Welcome)

    async def test_its_place_is_kept_when_the_relay_did_not_notice(self, relay: Relay, client: MakeClient) -> None:
        other = await client()
        await other.join("answerer", "lab")
        async with (
            Detour(relay.address) as detour,
            SignalingClient(detour.url, role=Role.OFFERER, room="lab") as signaling,
        ):
            events = Events(signaling)
            await events.until(Ready)
            await other.expect("ready")
            await signaling.send(Forward("offer", 1))
            await other.expect_forwarded("offer", 1)
            detour.cut(only_the_client=True)
            await events.until(Reconnected)
            assert (await events.until(Joined)).role is Role.OFFERER
            await signaling.send(Forward("offer", 2))
            await other.expect_forwarded("offer", 2)

    async def test_a_relay_that_hangs_is_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connecting, "PING_INTERVAL", 1.0)
        monkeypatch.setattr(connecting, "CLOSE_TIMEOUT", 0.2)
        async with (
            RelayProcess.start("--port", "0") as relay,
            SignalingClient(relay.url, role=Role.OFFERER, reconnect=False) as signaling,
        ):
            events = Events(signaling)
            await events.until(Joined)
            relay.process.send_signal(signal.SIGSTOP)
            assert isinstance(await events.next(), Disconnected)

    async def test_who_left_does_not_join_again(self, relay: Relay) -> None:
        async with (
            Detour(relay.address) as detour,
            SignalingClient(detour.url, role=Role.OFFERER, room="lab") as signaling,
        ):
            events = Events(signaling)
            await events.until(Joined)
            await signaling.send(Leave())
            detour.cut()
            await events.until(Reconnected)
            assert isinstance(await events.next(), Welcome)
            await signaling.send(Ping())
            assert await events.next() == Pong()

    async def test_a_relay_that_never_lets_it_in_is_asked_more_and_more_rarely(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_module.random, "uniform", lambda low, high: high)
        monkeypatch.setattr(client_module, "SHORTEST_DELAY", 0.01)
        monkeypatch.setattr(client_module, "LONGEST_DELAY", 0.05)

        async def refuse(socket: ServerConnection) -> None:
            await socket.close(1013)

        async with serve(refuse, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.OFFERER) as signaling:
                events = Events(signaling)
                delays = [(await events.until(Disconnected)).retry_in for _ in range(5)]
        assert delays == [0.01, 0.02, 0.04, 0.05, 0.05]

    @pytest.mark.parametrize(("lasts", "delays"), [(60.0, [0.01, 0.02, 0.04]), (0.0, [0.01, 0.01, 0.01])])
    async def test_only_a_place_that_lasted_makes_waits_short_again(
        self, monkeypatch: pytest.MonkeyPatch, lasts: float, delays: list[float]
    ) -> None:
        monkeypatch.setattr(client_module.random, "uniform", lambda low, high: high)
        monkeypatch.setattr(client_module, "SHORTEST_DELAY", 0.01)
        monkeypatch.setattr(client_module, "LASTING_SECONDS", lasts)

        async def admit_and_hang_up(socket: ServerConnection) -> None:
            await socket.send('{"type":"joined","roomId":"r","role":"offerer"}')

        async with serve(admit_and_hang_up, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.OFFERER) as signaling:
                events = Events(signaling)
                assert [(await events.until(Disconnected)).retry_in for _ in range(3)] == delays

    async def test_without_reconnecting_it_ends(self) -> None:
        async with (
            RelayProcess.start("--port", "0") as relay,
            SignalingClient(relay.url, role=Role.OFFERER, reconnect=False) as signaling,
        ):
            events = Events(signaling)
            await events.until(Joined)
            await relay.end(signal.SIGTERM)
            lost = await events.next()
            assert lost == Disconnected(
                "the relay closed the connection (1001 The relay is shutting down.)", retry_in=None
            )
            await events.end()

    async def test_it_can_be_closed_while_it_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "SHORTEST_DELAY", 1000.0)
        monkeypatch.setattr(client_module, "LONGEST_DELAY", 1000.0)
        async with (
            RelayProcess.start("--port", "0") as relay,
            SignalingClient(relay.url, role=Role.OFFERER) as signaling,
        ):
            events = Events(signaling)
            await events.until(Joined)
            await relay.end(signal.SIGKILL)
            await events.until(Disconnected)
            waiting = asyncio.create_task(events.end())
            await signaling.close()
            await waiting


class TestARelayThatReadsNothing:
    """Whoever sends to it is not kept waiting; nor is whoever leaves."""

    @asynccontextmanager
    async def deaf(self) -> AsyncIterator[str]:
        async def listen(socket: ServerConnection) -> None:
            socket.transport.pause_reading()
            await socket.send('{"type":"joined","roomId":"r","role":"offerer"}')
            await socket.wait_closed()

        async with serve(listen, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for connection in list(server.connections):
                connection.transport.abort()

    async def fill(self, signaling: SignalingClient) -> None:
        """Fill the way to the relay, until the client itself would have to wait."""
        await Events(signaling).until(Joined)
        assert signaling._socket is not None
        while not signaling._socket.paused:
            signaling._socket.transport.write(bytes(100_000))

    async def test_a_send_is_given_up_and_the_relay_with_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "SEND_SECONDS", 0.2)
        async with self.deaf() as url, SignalingClient(url, role=Role.OFFERER, reconnect=False) as signaling:
            await self.fill(signaling)
            async with asyncio.timeout(PATIENCE):
                assert not await signaling.send(Forward("offer", "x"))
            lost = await Events(signaling).until(Disconnected)
            assert lost == Disconnected("the relay took nothing for 0.2 s", retry_in=None)

    @pytest.mark.parametrize("says_goodbye", [True, False])
    async def test_leaving_is_quick(self, says_goodbye: bool) -> None:
        async with self.deaf() as url, SignalingClient(url, role=Role.OFFERER) as signaling:
            await self.fill(signaling)
            async with asyncio.timeout(8):  # pings would tell after 20 s
                if says_goodbye:
                    await signaling.send(Leave())
                await signaling.close()


class TestAFlood:
    async def test_what_a_relay_floods_with_is_read_at_a_pace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client_module, "MESSAGE_RATE", 50.0)
        monkeypatch.setattr(client_module, "MESSAGE_BURST", 50.0)
        sent = 0

        async def flood(socket: ServerConnection) -> None:
            nonlocal sent
            with suppress(ConnectionClosed):
                while True:
                    await socket.send(json.dumps({"type": "ready", "message": "x" * 10_000}))
                    sent += 1

        async with serve(flood, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.OFFERER) as signaling:
                events, loop = Events(signaling), asyncio.get_running_loop()
                start = loop.time()
                for _ in range(50):
                    assert isinstance(await events.next(), Ready)
                assert loop.time() - start > 1.5  # 50 messages that count as 3.4 each, 50 of them at once
                assert sent < 5000  # the rest is where it came from

    async def test_a_flood_of_tiny_frames_ends_the_connection(self) -> None:
        async def flood(socket: ServerConnection) -> None:
            with suppress(ConnectionError):
                while not socket.transport.is_closing():
                    socket.transport.write(b"\x89\x00" * 10_000)
                    await socket.drain()

        async with serve(flood, "127.0.0.1", 0, close_timeout=0.1) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.OFFERER, reconnect=False) as signaling:
                lost = await Events(signaling).until(Disconnected)
        assert lost == Disconnected("the relay sends a flood of frames", retry_in=None)


class Detour:
    """A way to a relay that can break, for the client alone or for both. New connections find it whole."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.client_ends: list[asyncio.StreamWriter] = []
        self.relay_ends: list[asyncio.StreamWriter] = []
        self.is_relay_kept_waiting = False

    async def __aenter__(self) -> "Detour":
        self.server = await asyncio.start_server(self.pass_on, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.cut()

    def cut(self, *, only_the_client: bool = False) -> None:
        self.is_relay_kept_waiting = only_the_client
        for writer in self.client_ends if only_the_client else self.client_ends + self.relay_ends:
            writer.transport.abort()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay_reader, relay_writer = await asyncio.open_connection(*self.address)
        self.client_ends.append(writer)
        self.relay_ends.append(relay_writer)
        back = asyncio.create_task(self.copy(relay_reader, writer))
        await self.copy(reader, relay_writer)
        await back

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
            if not self.is_relay_kept_waiting:
                writer.write_eof()
        except ConnectionError:
            return  # it was cut


class TestForeignRelays:
    """Relays that know the first half of the protocol only, and say things that nobody knows."""

    @asynccontextmanager
    async def relay(self, *words: str | bytes) -> AsyncIterator[str]:
        async def speak(socket: ServerConnection) -> None:
            await socket.send('{"type":"welcome","clientId":"7","message":"hi"}')
            join = json.loads(await socket.recv())
            assert join["type"] == "join"
            for word in words:
                await socket.send(word)
            await socket.wait_closed()

        async with serve(speak, "127.0.0.1", 0) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def test_data_at_the_top_level_is_understood(self) -> None:
        async with (
            self.relay(
                '{"type":"joined","roomId":"r","role":"answerer","message":"hi"}',
                '{"type":"ready","message":"hi"}',
                '{"type":"offer","payload":"{}"}',
                '{"type":"peer-disconnected","message":"hi"}',
                '{"type":"error","message":"no"}',
            ) as url,
            SignalingClient(url, role=Role.OFFERER) as signaling,
        ):
            events = Events(signaling)
            assert [await events.next() for _ in range(6)] == [
                Welcome("7", "hi"),
                Joined("r", Role.ANSWERER, "hi"),
                Ready("hi"),
                Forward("offer", "{}"),
                PeerDisconnected("hi"),
                Error("no"),
            ]

    async def test_what_it_does_not_know_is_dropped(self) -> None:
        async with (
            self.relay(
                '{"type":"party"}', "[" * 30_000, "", b"\x00\x01", "null", '{"type":"joined"}', '{"type":"pong"}'
            ) as url,
            SignalingClient(url, role=Role.OFFERER) as signaling,
        ):
            events = Events(signaling)
            assert isinstance(await events.next(), Welcome)
            assert await events.next() == Pong()

    async def test_a_message_in_binary_frames_is_taken(self) -> None:
        async with self.relay(b'{"type":"ready"}') as url, SignalingClient(url, role=Role.OFFERER) as signaling:
            assert isinstance(await Events(signaling).until(Ready), Ready)

    async def test_junk_that_breaks_the_connection_is_a_lost_one(self) -> None:
        async with (
            self.relay("x" * (connecting.MAX_RELAY_MESSAGE_BYTES + 1)) as url,
            SignalingClient(url, role=Role.OFFERER, reconnect=False) as signaling,
        ):
            assert isinstance(await Events(signaling).until(Disconnected), Disconnected)

    async def test_what_a_relay_says_at_parting_is_shown_harmless(self) -> None:
        async def part(socket: ServerConnection) -> None:
            await socket.close(4000, "\x1b[2J\u202ebye")

        async with serve(part, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with SignalingClient(url, role=Role.OFFERER, reconnect=False) as signaling:
                lost = await Events(signaling).until(Disconnected)
        assert lost.reason == "the relay closed the connection (4000 \\x1b[2J\\u202ebye)"
