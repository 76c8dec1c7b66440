"""Sends the edges of the camera's picture: the smallest transform.

    python examples/edges.py [RELAY]

It is the same as: peer --transform examples/edges.py:edges. Open the address that it prints in a browser; Ctrl-C ends
it. RELAY is the address of a relay, such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys

import cv2
import numpy as np
import numpy.typing as npt

from peer import Peer, PeerError
from peer.cli.console import Console


def edges(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """White lines on black, where Canny's algorithm finds an edge."""
    lines = cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 80, 160)
    return np.asarray(cv2.cvtColor(lines, cv2.COLOR_GRAY2BGR), np.uint8)


async def send(relay: str | None = None) -> None:
    async with Peer(signaling=relay, transform=edges, on_event=Console(as_json=False).show) as peer:
        await peer.wait()


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(send(*sys.argv[1:2]))
    except PeerError as error:
        sys.exit(f"edges: {error}")
