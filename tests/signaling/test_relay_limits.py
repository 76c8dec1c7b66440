"""What a stranger can't do to the relay."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from wire import PATIENCE, BareSocket, Client, client_of, fetch, joined_pair, until_clients

from signaling.ratelimit import TokenBucket
from signaling.relay import CONNECTIONS_FOR_PAGES, Relay

MakeClient = Callable[..., Awaitable[Client]]
StartRelay = Callable[..., Awaitable[Relay]]

TEXT, BINARY, CONTINUATION, PING, PONG = 0x1, 0x2, 0x0, 0x9, 0xA

UNLIMITED = {
    "message_rate": 1e6,
    "message_burst": 10**6,
    "byte_rate": 1e12,
    "byte_burst": 10**12,
    "processing_rate": 1.0,
}
"""For clients that send all they can."""


async def join_bare(bare: BareSocket, room: str) -> None:
    await bare.shake_hands()
    message = {"type": "join", "payload": {"role": "offerer", "roomId": room}}
    bare.send_frame(TEXT, json.dumps(message).encode())
    opcode, payload = await bare.read_frame()
    while opcode == PING:
        opcode, payload = await bare.read_frame()
    assert json.loads(payload)["type"] == "joined"


class TestDeadClients:
    async def test_silence_is_found_by_pings(self, start_relay: StartRelay) -> None:
        relay = await start_relay(ping_interval=0.5, ping_timeout=0.5)
        async with BareSocket.open(relay.address) as dead, client_of(relay.url) as partner:
            await join_bare(dead, "lab")
            await partner.join("answerer", "lab")
            await partner.expect("ready")
            await partner.expect("peer-disconnected")
            await dead.read_to_end()
            await until_clients(relay, 1)
            await partner.expect_nothing()

    async def test_half_a_frame_is_no_sign_of_life(self, start_relay: StartRelay) -> None:
        relay = await start_relay(ping_interval=0.5, ping_timeout=0.5)
        async with BareSocket.open(relay.address) as dead, client_of(relay.url) as partner:
            await join_bare(dead, "lab")
            await partner.join("answerer", "lab")
            await partner.expect("ready")
            dead.writer.write(b"\x81\xfe\xff\xff\0\0\0\0")  # 65,535 bytes are to come
            gone = asyncio.create_task(partner.expect("peer-disconnected"))
            while not gone.done():
                dead.writer.write(b"x")
                await asyncio.wait([gone], timeout=0.05)
            await gone

    async def test_who_answers_lives_on(self, start_relay: StartRelay) -> None:
        relay = await start_relay(ping_interval=0.5, ping_timeout=0.5)
        async with BareSocket.open(relay.address) as alive, client_of(relay.url) as partner:
            await join_bare(alive, "lab")
            for _ in range(4):
                opcode, payload = await alive.read_frame()
                assert opcode == PING
                alive.send_frame(PONG, payload)
            await partner.join("answerer", "lab")
            await partner.expect("ready")

    async def test_by_default_it_takes_less_than_thirty_seconds(self, relay: Relay) -> None:
        config = relay.config
        assert config.ping_interval + config.ping_timeout < 30


class TestFloods:
    async def test_a_burst_of_candidates_passes(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        for number in range(150):
            await one.send("ice-candidate", number)
        for number in range(150):
            await two.expect_forwarded("ice-candidate", number)

    async def test_what_goes_beyond_is_dropped_then_ends_the_connection(self, start_relay: StartRelay) -> None:
        relay = await start_relay(message_burst=10, message_rate=0.001, rate_limit_patience=5)
        async with client_of(relay.url) as one, client_of(relay.url) as two:
            await joined_pair(one, two)
            for number in range(9):  # it has joined before
                await one.send("ice-candidate", number)
            await one.send("ice-candidate", "dropped")
            await one.expect_error("rate-limited")
            for number in range(9):
                await two.expect_forwarded("ice-candidate", number)
            await one.send_text("[")
            await one.expect_error("rate-limited")
            for _ in range(4):
                await one.send("ping")
            assert await one.expect_closed() == 1008
            await two.expect("peer-disconnected")

    @pytest.mark.parametrize(
        ("opcode", "fin"), [(PING, True), (PONG, True), (CONTINUATION, False)], ids=["ping", "pong", "fragment"]
    )
    async def test_frames_that_are_no_messages_count_too(self, relay: Relay, opcode: int, *, fin: bool) -> None:
        async with BareSocket.open(relay.address) as bare:
            await bare.shake_hands()
            bare.send_frame(TEXT, b"", fin=False)
            for _ in range(1000):
                bare.send_frame(opcode, b"", fin=fin)
            assert await bare.read_close() == 1008

    async def test_bytes_count_beside_frames(self, start_relay: StartRelay) -> None:
        relay = await start_relay(byte_burst=10_000, byte_rate=0.001, rate_limit_patience=3)
        async with client_of(relay.url) as one, client_of(relay.url) as two:
            await joined_pair(one, two)
            await one.send("offer", "x" * 9_000)
            await two.expect_forwarded("offer", "x" * 9_000)
            await one.send("offer", "y" * 9_000)
            await one.expect_error("rate-limited")
            await one.send("ice-candidate", "small")
            await two.expect_forwarded("ice-candidate", "small")
            for _ in range(3):
                await one.send("offer", "y" * 9_000)
            assert await one.expect_closed() == 1008
            await two.expect("peer-disconnected")

    async def test_a_message_with_one_fragment_too_much_is_dropped_whole(self, start_relay: StartRelay) -> None:
        relay = await start_relay(byte_burst=10_000, byte_rate=0.001)
        async with client_of(relay.url) as one, client_of(relay.url) as two:
            await joined_pair(one, two)
            await one.send_text(['{"type":"offer","payload":"', "x" * 9_990, '"}'])
            await one.expect_error("rate-limited")
            await two.expect_nothing()

    async def test_time_counts_too_but_loses_nothing(self, start_relay: StartRelay) -> None:
        relay = await start_relay(processing_burst=0.0, processing_rate=0.01)
        numbers = [1] * 20_000
        async with client_of(relay.url) as one, client_of(relay.url) as two:
            await joined_pair(one, two)
            start = time.monotonic()
            for _ in range(4):
                await one.send("offer", numbers)
            for _ in range(4):
                await two.expect_forwarded("offer", numbers)
            assert time.monotonic() - start > 0.1  # each takes the relay some milliseconds

    async def test_nothing_is_read_after_the_flood_was_cut_off(self, start_relay: StartRelay) -> None:
        relay = await start_relay(message_burst=10, message_rate=0.001, rate_limit_patience=5)
        async with BareSocket.open(relay.address) as bare:
            await bare.shake_hands()
            for number in range(10_000):
                bare.send_frame(PING, b"%d" % number)
            pongs = []
            while (frame := await bare.read_frame())[0] == PONG:
                pongs.append(frame[1])
            assert pongs == [b"%d" % number for number in range(15)]
            assert frame[0] == 0x8
            assert await bare.read_to_end() == b""

    async def test_a_message_that_never_ends_ends_the_connection(self, start_relay: StartRelay) -> None:
        relay = await start_relay(ping_interval=0.5, ping_timeout=0.5)
        async with BareSocket.open(relay.address) as bare:
            await bare.shake_hands()
            bare.send_frame(TEXT, b'{"type":', fin=False)
            opcode, payload = await bare.read_frame()
            while opcode == PING:
                bare.send_frame(PONG, payload)
                opcode, payload = await bare.read_frame()
            assert opcode == 0x8
            assert int.from_bytes(payload[:2]) == 1008

    def test_a_bucket_fills_again(self) -> None:
        bucket = TokenBucket(rate=2, burst=3, now=0)
        assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
        assert [bucket.take(0.5) for _ in range(2)] == [True, False]
        assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]


class TestSlowReaders:
    async def test_one_is_cut_off_before_memory_grows(self, start_relay: StartRelay) -> None:
        relay = await start_relay(max_send_buffer=100_000, close_timeout=PATIENCE, **UNLIMITED)
        async with BareSocket.open(relay.address) as slow, client_of(relay.url) as fast:
            await join_bare(slow, "lab")
            await fast.join("answerer", "lab")
            await fast.expect("ready")
            gone = asyncio.create_task(fast.expect("peer-disconnected"))
            sent = 0
            while not gone.done():  # the buffers of the kernel take some megabytes first
                await fast.send("answer", "x" * 60_000)
                sent += 1
                assert sent < 1000
            await gone
            assert await slow.read_close() == 1013
            await fast.expect_nothing()

    async def test_one_who_never_reads_again_is_aborted(self, start_relay: StartRelay) -> None:
        relay = await start_relay(max_send_buffer=10_000, close_timeout=0.1, **UNLIMITED)
        async with BareSocket.open(relay.address) as slow, client_of(relay.url) as fast:
            await join_bare(slow, "lab")
            await fast.join("answerer", "lab")
            await fast.expect("ready")
            gone = asyncio.create_task(fast.expect("peer-disconnected"))
            while not gone.done():
                await fast.send("answer", "x" * 60_000)
            await gone
            await until_connections(relay, 2)  # the fast one, and the question itself


async def until_connections(relay: Relay, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while json.loads((await fetch(relay.address, "/healthz"))[1])["connections"] != wanted:
            pass


class TestCrowds:
    async def test_who_never_joins_makes_room_for_others(self, start_relay: StartRelay) -> None:
        relay = await start_relay(max_unjoined=2)
        async with AsyncExitStack() as stack:
            joined = await stack.enter_async_context(client_of(relay.url))
            await joined.join()
            idle = [await stack.enter_async_context(client_of(relay.url)) for _ in range(3)]
            assert await idle[0].expect_closed() == 1013
            for other in joined, *idle[1:]:
                await other.expect_nothing()
            await idle[1].join("offerer", "elsewhere")
            await stack.enter_async_context(client_of(relay.url))
            await idle[2].expect_nothing()

    async def test_a_full_relay_says_so(self, start_relay: StartRelay) -> None:
        relay = await start_relay(max_connections=2)
        async with client_of(relay.url):
            async with client_of(relay.url):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(relay.url, proxy=None)
                assert caught.value.response.status_code == 503
                assert (await fetch(relay.address, "/healthz"))[0].startswith("HTTP/1.1 200 ")
            await until_clients(relay, 1)
            async with client_of(relay.url) as one:
                await one.join()

    async def test_connections_that_ask_nothing_are_bounded(self, start_relay: StartRelay) -> None:
        relay = await start_relay(max_connections=0)
        async with AsyncExitStack() as stack:
            for _ in range(CONNECTIONS_FOR_PAGES):
                await stack.enter_async_context(BareSocket.open(relay.address))
            extra = await stack.enter_async_context(BareSocket.open(relay.address))
            assert await extra.read_to_end() == b""


class TestEnd:
    async def test_everybody_is_told(self, start_relay: StartRelay) -> None:
        relay = await start_relay()
        async with client_of(relay.url) as one, client_of(relay.url) as two, client_of(relay.url) as idle:
            await joined_pair(one, two)
            await relay.close()
            for client in one, two, idle:
                assert await client.expect_closed() == 1001
            with pytest.raises(OSError, match=r"Connect call failed"):
                await connect(relay.url, proxy=None)

    async def test_nobody_can_hold_it_up(self, start_relay: StartRelay) -> None:
        relay = await start_relay(close_timeout=PATIENCE)
        async with BareSocket.open(relay.address) as silent, BareSocket.open(relay.address) as mute:
            await silent.shake_hands()
            mute.writer.write(b"GET / HTTP/1.1\r\n")
            await asyncio.wait_for(relay.close(grace=0.1), PATIENCE)
            assert await silent.read_close() == 1001
            assert await mute.read_to_end() == b""


class TestNoise:
    """Bytes at random, before and after the handshake; the relay says nothing and carries on."""

    @pytest.mark.parametrize("seed", range(10))
    async def test_noise_instead_of_a_request(self, relay: Relay, client: MakeClient, seed: int) -> None:
        witness = await client()
        random = Random(seed)
        good = (
            b"GET /app.js HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        for _ in range(20):
            async with BareSocket.open(relay.address) as bare:
                bare.writer.write(mutated(random, good))
                bare.writer.write_eof()
                await bare.read_to_end()
        await witness.expect_nothing()

    @pytest.mark.parametrize("seed", range(10))
    async def test_noise_instead_of_frames(self, relay: Relay, client: MakeClient, seed: int) -> None:
        witness = await client()
        random = Random(seed)
        join = b'{"type":"join","payload":{"role":"offerer","roomId":"noise"}}'
        good = bytes([0x81, 0x80 | len(join)]) + bytes(4) + join + b"\x89\x80" + bytes(4) + b"\x01\x80" + bytes(4)
        for _ in range(20):
            async with BareSocket.open(relay.address) as bare:
                await bare.shake_hands()
                bare.writer.write(mutated(random, good))
                bare.writer.write_eof()
                await bare.read_to_end()
        await until_clients(relay, 1)
        await witness.expect_nothing()
        assert json.loads((await fetch(relay.address, "/healthz"))[1])["rooms"] == 0


def mutated(random: Random, data: bytes) -> bytes:
    """Change, drop, double and insert a few bytes."""
    noisy = bytearray(data)
    for _ in range(random.randint(1, 5)):
        at = random.randrange(len(noisy))
        match random.randrange(4):
            case 0:
                noisy[at] = random.randrange(256)
            case 1:
                del noisy[at : at + random.randrange(10)]
            case 2:
                noisy[at:at] = noisy[at : at + random.randrange(100)]
            case 3:
                noisy[at:at] = random.randbytes(random.randrange(10))
        if not noisy:
            break
    return bytes(noisy)
