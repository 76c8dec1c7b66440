"""Counts the pictures that come from the partner: the far end for a test of a page that sends video.

    python examples/count_frames.py ROOM [RELAY]

It waits in the room, sends nothing, and ends with exit code 0 once 100 pictures have come, or with 1 when they have
not within 30 seconds. Let the page under test join the same room. RELAY is the address of a relay, such as
ws://localhost:8080.
"""

import asyncio
import sys

from peer import Peer, PeerError

ENOUGH, SECONDS = 100, 30


async def count(room: str, relay: str | None = None) -> bool:
    pictures = 0
    try:
        async with (
            asyncio.timeout(SECONDS),
            Peer(role="answerer", room=room, signaling=relay, video="none", audio="none") as peer,
        ):
            async for frame in peer.video_frames(limit=ENOUGH):  # room for all of them: none may be skipped
                pictures += 1
                if pictures == ENOUGH:
                    print(f"{pictures} pictures came, the last one {frame.width}x{frame.height}")
                    return True
    except TimeoutError:
        print(f"only {pictures} of {ENOUGH} pictures came within {SECONDS} s", file=sys.stderr)
    return False


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: count_frames.py ROOM [RELAY]")
    try:
        sys.exit(0 if asyncio.run(count(*sys.argv[1:3])) else 1)
    except PeerError as error:
        sys.exit(f"count_frames: {error}")
