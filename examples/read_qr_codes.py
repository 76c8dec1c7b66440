"""Prints the text of every QR code that the partner holds into the camera, once.

    python examples/read_qr_codes.py [RELAY]

Open the address that it prints in a browser, and show the browser's camera a code; Ctrl-C ends it. RELAY is the address
of a relay, such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys

import cv2

from peer import Peer, PeerError
from peer.cli.console import Console


async def read(relay: str | None = None) -> None:
    detector, seen = cv2.QRCodeDetector(), set()
    async with Peer(signaling=relay, on_event=Console(as_json=False).show) as peer:
        async for frame in peer.video_frames():  # always the newest
            picture = frame.to_ndarray(format="bgr24")
            # In a thread: looking takes longer than a picture lasts, and the call must go on meanwhile.
            text, _, _ = await asyncio.to_thread(detector.detectAndDecode, picture)
            if text and text not in seen:
                seen.add(text)
                print(f"QR code: {text!r}", flush=True)  # repr: it may hold anything, also what a terminal obeys


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(read(*sys.argv[1:2]))
    except PeerError as error:
        sys.exit(f"read_qr_codes: {error}")
