"""A peer process on a relay that floods it, hangs or hangs up: it stays small and quiet, and ends when told to."""

import asyncio
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

from peer.sdp import Description, with_candidates
from tests.network.processes import Process
from tests.peer.content import OPTIONS, PATIENCE

FLOOD_SECONDS = 2.5
MOST_GROWTH = 40_000_000
"""Bytes. An unbounded queue of offers grew by 95 MB in 3 s."""
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


@asynccontextmanager
async def relay(behave: Flood) -> AsyncIterator[str]:
    """A relay that lets everybody in, and then behaves like this. It takes little of what it does not read."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))

    async def meet(client: ServerConnection) -> None:
        try:
            await behave(client)
        except (ConnectionClosed, ConnectionError):
            return

    options = {"compression": None, "ping_interval": None, "max_queue": 1, "close_timeout": 0.1}
    async with serve(meet, sock=listening, **options) as server:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
        for client in list(server.connections):
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


@pytest.mark.parametrize("flood", [offers, partners, ready, errors, refusals, pings], ids=lambda flood: flood.__name__)
async def test_a_flood_makes_a_peer_neither_large_nor_loud_nor_deaf(flood: Flood) -> None:
    start = time.monotonic()
    async with relay(flood) as url, peer(url, "--json") as process:
        await process.line('"joined"', timeout=PATIENCE)
        await asyncio.sleep(0.5)  # what every call needs is there
        before = memory(process)
        await asyncio.sleep(FLOOD_SECONDS)
        grown = memory(process) - before
        await stop(process)
    assert grown < MOST_GROWTH
    assert max(kinds(process).values()) <= LINES_AT_ONCE + time.monotonic() - start
    assert process.stderr == []


async def test_a_relay_that_admits_and_hangs_up_is_tried_more_and_more_rarely() -> None:
    came: list[float] = []

    async def hang_up(client: ServerConnection) -> None:
        came.append(time.monotonic())
        await say(client, joined("offerer"))

    async with relay(hang_up) as url, peer(url) as process:
        await process.line("waiting", timeout=PATIENCE)
        await asyncio.sleep(FLOOD_SECONDS)
        await stop(process)
    # Waits are random, up to 0.2, 0.4, 0.8 and 1.6 s: ten attempts in three seconds are next to impossible.
    assert 2 <= len(came) < 10
