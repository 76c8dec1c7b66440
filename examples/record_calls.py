"""Records each call into a file of its own, and says what came.

    python examples/record_calls.py FILE [RELAY]

The suffix of FILE, .mp4, .mkv or .webm, says which kind of file; the second call goes into FILE-2, and so on. Open
the address that it prints in a browser. Ctrl-C ends it, and the recording is complete. RELAY is the address of a relay,
such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys

from peer import Peer, PeerError
from peer.cli.console import Console
from peer.media.sinks.recording.recorder import Recorder


async def record(file: str, relay: str | None = None) -> None:
    recorder = Recorder(file, notify=print)
    try:
        async with Peer(signaling=relay, sinks=[recorder], on_event=Console(as_json=False).show) as peer:
            await peer.wait()
    finally:
        for path in recorder.files:  # the peer is closed, and so are they
            print(f"recorded {path}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: record_calls.py FILE [RELAY]")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(record(*sys.argv[1:3]))
    except PeerError as error:
        sys.exit(f"record_calls: {error}")
