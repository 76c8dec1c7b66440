"""A hostile partner in the room of a real peer: run in a network namespace, also without assertions.

    python [-O] -m tests.peer.hostile_room

It sends everything that a WebSocket client can send, at once and often. The peer may complain, and must then be in a
call with the next partner who comes.
"""

import asyncio
import json
import resource
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from peer import Peer
from peer.events import Problem
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer import payloads
from tests.peer.descriptions import host_candidate
from tests.peer.hostile_program import Harm

MEDIA: dict[str, Any] = {"video": "test", "audio": "test", "size": "64x64", "fps": 10}
MOST_MEGABYTES = 150
"""What such a partner may make the process grow by; encoders and threads of the calls have their part in it."""
CANDIDATES = 3_000
ADDRESSES = ["169.254.169.254", "224.0.0.251", "ff02::fb", "0.0.0.0", "10.1.0.77", "203.0.113.9", "nobody.local"]


async def storm(socket: ClientConnection, role: str) -> None:
    """Join as the partner, and send it all."""
    await socket.send(json.dumps({"type": "join", "payload": {"role": role, "roomId": "lab"}}))
    texts = []
    offers = [payload for _, payload in payloads.saved("descriptions")]
    for kind in ("offer", "answer"):
        texts += [{"type": kind, "payload": payload} for payload in offers]
        texts.append({"type": kind, "payload": "x" * 60_000})
        texts.append({"type": kind, "payload": {"type": kind, "sdp": "v=0\r\n" + "m=audio 9 X 0\r\n" * 3500}})
    texts += [{"type": "ice-candidate", "payload": payload} for _, payload in payloads.saved("candidates")]
    for number in range(CANDIDATES):
        line = host_candidate(number).line.replace("192.0.2.", "10.1.0.")
        for address in ADDRESSES if number < 20 else ():
            texts.append({"type": "ice-candidate", "payload": f"candidate:1 1 udp 1 {address} 9 typ host"})
        texts.append({"type": "ice-candidate", "payload": {"candidate": line, "sdpMid": "0"}})
    for text in texts:
        await socket.send(json.dumps(text))
    await socket.send('{"type": "ping"}')
    async for said in socket:  # until all of it has been through
        if json.loads(said)["type"] == "pong":
            return


async def first_picture(peer: Peer) -> None:
    async for _ in peer.video_frames():
        return
    raise Harm("the peer ended")


async def main(role: str) -> None:
    """A storm for a peer of this role, and a good call after it."""
    uncaught: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: uncaught.append(context))
    problems: list[str] = []
    config = RelayConfig(
        port=0, message_rate=1e6, message_burst=1_000_000, byte_rate=1e12, byte_burst=10**12, processing_rate=1.0
    )
    async with Relay(config) as relay, asyncio.timeout(100):
        options = {"signaling": relay.url, "room": "lab", **MEDIA}
        async with Peer(
            role=role, **options, on_event=lambda e: problems.append(str(e)) if isinstance(e, Problem) else None
        ) as peer:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            async with connect(relay.url, compression=None, max_size=None) as socket:
                await storm(socket, "offerer" if role == "answerer" else "answerer")
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            async with Peer(role="offerer", **options) as partner:
                await asyncio.gather(first_picture(peer), first_picture(partner))
    if uncaught:
        raise Harm(uncaught[0]["message"]) from uncaught[0].get("exception")
    if grown > MOST_MEGABYTES:
        raise Harm(f"it grew by {grown:.0f} MB")
    if role == "answerer" and not problems:
        raise Harm("it did not even complain")
    print(f"{role}: {len(problems)} complaints, grown by {grown:.0f} MB")


if __name__ == "__main__":
    for each in ("offerer", "answerer"):
        asyncio.run(main(each))
