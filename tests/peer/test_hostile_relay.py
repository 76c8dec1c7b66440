"""A relay that says anything: the peer ends with one of its own errors, or goes on and offers when it should."""

import asyncio
import contextlib
import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from peer import Peer, PeerError
from tests.peer.content import MEDIA, PATIENCE
from tests.peer.payloads import junk

EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))
TYPES = ["welcome", "joined", "ready", "offer", "answer", "ice-candidate", "peer-disconnected", "pong", "error", "x"]
FIELDS = {"payload": junk, "roomId": junk, "iceServers": junk, "message": junk, "code": junk, "resume": junk}

messages = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | junk},
    optional={"role": st.sampled_from(["offerer", "answerer"]) | junk, **FIELDS},  # type: ignore[dict-item]
)
frames = st.one_of(
    messages.map(json.dumps),
    messages.map(json.dumps),
    junk.map(json.dumps),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.just('{"type": "joined", "roomId": "lab", "role": "offerer"}'),
    st.just('{"type": "joined", "roomId": "lab", "role": "answerer"}'),
    st.just('{"type": "ready"}'),
)


async def converse(said: list[str | bytes]) -> None:
    """Say all of it to a peer once, then what relays say; the peer offers, or has ended with an error of its own."""
    offered = asyncio.Event()
    left = list(said)

    async def relay(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):  # the peer may hang up on this, and come again
            while left:
                await socket.send(left.pop(0))
            for frame in ('{"type": "joined", "roomId": "lab", "role": "offerer"}', '{"type": "ready"}'):
                await socket.send(frame)
            async for text in socket:
                if json.loads(text)["type"] == "offer":
                    offered.set()

    async with serve(relay, "localhost", 0) as server, asyncio.timeout(PATIENCE):
        port = next(iter(server.sockets)).getsockname()[1]
        with contextlib.suppress(PeerError):
            async with Peer(signaling=f"ws://localhost:{port}", **MEDIA) as peer:
                await first(offered.wait(), peer.wait())
                assert offered.is_set()


async def first(*jobs: Any) -> None:
    """Wait for the first of these, and raise what it raises."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


@settings(max_examples=EXAMPLES or 40, derandomize=not EXAMPLES, deadline=None, report_multiple_bugs=False)
@given(st.lists(frames, max_size=12))
def test_a_relay_may_say_anything(said: list[str | bytes]) -> None:
    asyncio.run(converse(said))
