"""A peer process on a relay that floods it, hangs or hangs up: it stays small and quiet, and ends when told to."""

import asyncio
import contextlib
import itertools
import json
import re
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from peer.sdp.description import Description, with_candidates
from tests.network.processes import Process
from tests.peer.content import OPTIONS, PATIENCE

FLOOD_SECONDS = 2.0
MOST_GROWTH = 60_000_000
"""Bytes, of which the first calls take half. An unbounded queue of offers grew by 95 MB in 3 s."""
LINES_AT_ONCE = 4
"""Of a kind; then there may be one a second."""
END_SECONDS = 10.0
"""A peer ends within 3 s; the rest is for a busy machine. The relay's own timeouts are longer by far."""

Flood = Callable[[ServerConnection], Awaitable[None]]


def joined(role: str) -> str:
    return json.dumps({"type": "joined", "roomId": "lab", "role": role})


async def say(client: ServerConnection, *texts: str) -> None:
    for text in texts:
        await client.send(text)


async def offers(client: ServerConnection) -> None:
    """Each one is another connection, and 50 kB."""
    pc = RTCPeerConnection()
    pc.addTransceiver("audio")
    pc.addTransceiver("video")
    offer = with_candidates(Description("offer", (await pc.createOffer()).sdp), [], complete=True)
    await pc.close()
    padding = f"a=x-padding:{'x' * 900}\r\n" * 48
    sdp = re.sub(r"a=ice-ufrag:.*", "a=ice-ufrag:NUMBER", offer.sdp) + padding
    text = json.dumps({"type": "offer", "payload": {"type": "offer", "sdp": sdp}})
    await say(client, joined("answerer"), '{"type": "ready"}')
    for number in itertools.count(1000):
        await say(client, text.replace("NUMBER", str(number)))


async def partners(client: ServerConnection) -> None:
    await say(client, joined("offerer"))
    while True:
        await say(client, '{"type": "ready"}', '{"type": "peer-disconnected"}')


async def ready(client: ServerConnection) -> None:
    await say(client, joined("offerer"))
    while True:
        await say(client, '{"type": "ready"}')


async def errors(client: ServerConnection) -> None:
    await say(client, joined("offerer"))
    for number in itertools.count():
        await say(client, json.dumps({"type": "error", "message": f"{number} {'x' * 1000}"}))


async def refusals(client: ServerConnection) -> None:
    """Descriptions that can't be used, each told of."""
    await say(client, joined("offerer"), '{"type": "ready"}')
    while True:
        await say(client, '{"type": "offer", "payload": "v=0"}', '{"type": "answer", "payload": []}')


async def pings(client: ServerConnection) -> None:
    """Each is answered, and no answer read."""
    await say(client, joined("offerer"))
    client.transport.pause_reading()
    while not client.transport.is_closing():
        client.transport.write(b"\x89\x7d" + b"x" * 125)
        await client.drain()


class Relay:
    """Lets everybody in, and behaves to each connection in the next way, to the rest in the last."""

    def __init__(self, *floods: Flood) -> None:
        self._floods = list(floods)
        self.last_began = asyncio.Event()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[str]:
        """It takes little of what it does not read."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        options = {"compression": None, "ping_interval": None, "max_queue": 1, "close_timeout": 0.1}
        async with serve(self._meet, sock=listening, **options) as server:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
            for client in list(server.connections):
                client.transport.abort()

    async def _meet(self, client: ServerConnection) -> None:
        is_last = len(self._floods) == 1
        flood = self._floods[0] if is_last else self._floods.pop(0)
        if is_last:
            self.last_began.set()
        with contextlib.suppress(ConnectionClosed, ConnectionError, TimeoutError):
            async with asyncio.timeout(None if is_last else FLOOD_SECONDS):
                await flood(client)
        client.transport.abort()


@asynccontextmanager
async def peer(url: str, *options: str) -> AsyncIterator[Process]:
    with Process([sys.executable, "-m", "peer", "--signaling", url, *OPTIONS, *options]) as process:
        yield process


async def stop(process: Process) -> None:
    assert await asyncio.to_thread(process.stop, END_SECONDS, with_signal=signal.SIGTERM) == 130


def memory(process: Process) -> int:
    """Bytes that the process holds."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def kinds(process: Process) -> Counter[str]:
    """How many lines there are of each event, and of each problem."""
    told = [json.loads(line) for line in process.stdout]
    return Counter(f"{event['event']} {str(event.get('message'))[:10]}" for event in told)


@pytest.mark.parametrize("floods", [(partners, pings, offers), (refusals, errors, ready)], ids=["large", "loud"])
async def test_floods_make_a_peer_neither_large_nor_loud_nor_deaf(floods: tuple[Flood, ...]) -> None:
    relay, start = Relay(*floods), time.monotonic()
    async with relay.run() as url, peer(url, "--json") as process:
        await process.line('"joined"', timeout=PATIENCE)
        before = memory(process)
        async with asyncio.timeout(PATIENCE):
            await relay.last_began.wait()
        await asyncio.sleep(0.5)
        grown = memory(process) - before
        await asyncio.sleep(3)
        grown_at_last = memory(process) - before - grown
        await stop(process)
    print(f"{grown / 1e6:.0f} and {grown_at_last / 1e6:.0f} MB, {dict(kinds(process))}")
    assert grown < MOST_GROWTH
    assert grown_at_last < MOST_GROWTH / 2
    assert max(kinds(process).values()) <= LINES_AT_ONCE + time.monotonic() - start
    assert process.stderr == []


async def test_a_relay_that_admits_and_hangs_up_is_tried_more_and_more_rarely() -> None:
    came: list[float] = []

    async def hang_up(client: ServerConnection) -> None:
        came.append(time.monotonic())
        await say(client, joined("offerer"))

    async with Relay(hang_up).run() as url, peer(url) as process:
        await process.line("waiting", timeout=PATIENCE)
        await asyncio.sleep(3)
        await stop(process)
    # Waits are random, up to 0.2, 0.4, 0.8 and 1.6 s: ten attempts in three seconds are next to impossible.
    assert 2 <= len(came) < 10
