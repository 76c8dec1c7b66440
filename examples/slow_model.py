"""Looks at the partner's pictures with something slow, and is never behind: pictures are left out, not queued.

    python examples/slow_model.py [RELAY]

`model` stands for a neural network; put yours in its place. Open the address that it prints in a browser; Ctrl-C ends
it. RELAY is the address of a relay, such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys
import time

import numpy as np
import numpy.typing as npt

from peer import Peer, PeerError
from peer.cli.console import Console

SECONDS = 0.2  # that the model takes


def model(picture: npt.NDArray[np.uint8]) -> str:
    """Something that takes its time, and says something about a picture."""
    time.sleep(SECONDS)
    return "bright" if picture.mean() > 100 else "dark"


async def look(relay: str | None = None) -> None:
    async with Peer(signaling=relay, on_event=Console(as_json=False).show) as peer:
        frames = peer.video_frames()  # it holds one picture, the newest
        async for frame in frames:
            picture = frame.to_ndarray(format="bgr24")
            said = await asyncio.to_thread(model, picture)  # sound and network go on meanwhile
            print(f"{frame.time:7.2f} s: {said}; {frames.dropped} pictures left out so far", flush=True)


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(look(*sys.argv[1:2]))
    except PeerError as error:
        sys.exit(f"slow_model: {error}")
