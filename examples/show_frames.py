"""Shows what the partner sends, with OpenCV: each frame becomes a NumPy array, and the array a picture in a window.

    python examples/show_frames.py [RELAY]

Open the address that it prints in a browser. The key Escape in the window ends it, and so does Ctrl-C. RELAY is the
address of a relay, such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys

import cv2

from peer import Peer, PeerError
from peer.cli.console import Console

ESCAPE = 27


async def show(relay: str | None = None) -> None:
    async with Peer(signaling=relay, on_event=Console(as_json=False).show) as peer:
        async for frame in peer.video_frames():  # always the newest: a slow program misses some, and is never behind
            picture = frame.to_ndarray(format="bgr24")  # height x width x 3, uint8: what OpenCV works on
            cv2.imshow("partner", picture)
            if cv2.waitKey(1) == ESCAPE:
                return


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(show(*sys.argv[1:2]))
    except PeerError as error:
        sys.exit(f"show_frames: {error}")
