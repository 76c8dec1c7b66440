"""Records what the partner sends while something moves in it: each time into a file of its own.

    python examples/record_motion.py FILE [RELAY]

The suffix of FILE, .mp4, .mkv or .webm, says which kind of file; the second time goes into FILE-2, and so on. Open the
address that it prints in a browser. Ctrl-C ends it, and the recordings are complete. RELAY is the address of a relay,
such as ws://localhost:8080.
"""

import asyncio
import contextlib
import sys

import av
import numpy as np

from peer import Peer, PeerError
from peer.cli.console import Console
from peer.media.base.pictures import planes
from peer.media.sinks.recording.recorder import Recorder

CHANGED = 12  # levels of brightness, of 255, by which a point must differ to have changed
MUCH = 0.01  # of all points: so many have changed when something moves
QUIET_SECONDS = 2.0  # without motion, after which a recording ends


class MotionRecorder:
    """A sink that hands frames on to a recorder, from the first motion until some time after the last."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._kinds: frozenset[str] = frozenset()
        self._before: np.ndarray | None = None
        self._moved_at: float | None = None  # the time of the last motion, in seconds of the call; None: not recording

    def begin_call(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds

    def on_video(self, frame: av.VideoFrame) -> None:
        if self._moves(frame):
            if self._moved_at is None:
                print("something moves: recording", flush=True)
                self.recorder.begin_call(self._kinds)
            self._moved_at = frame.time
        elif self._moved_at is not None and frame.time - self._moved_at > QUIET_SECONDS:
            self.end_call()
        if self._moved_at is not None:
            self.recorder.on_video(frame)

    def on_audio(self, frame: av.AudioFrame) -> None:
        if self._moved_at is not None:
            self.recorder.on_audio(frame)

    def end_call(self) -> None:
        if self._moved_at is not None:
            print("it is quiet again", flush=True)
            self._moved_at = None
            self.recorder.end_call()

    async def close(self) -> None:
        await self.recorder.close()

    def _moves(self, frame: av.VideoFrame) -> bool:
        """Compare every eighth point of every eighth line with the picture before: that takes a fraction of a ms."""
        luma = planes(frame)[0][::8, ::8].astype(np.int16)
        before, self._before = self._before, luma
        if before is None or before.shape != luma.shape:
            return False
        return bool(np.mean(np.abs(luma - before) > CHANGED) > MUCH)


async def record(file: str, relay: str | None = None) -> None:
    recorder = Recorder(file, notify=print)
    sinks = [MotionRecorder(recorder)]
    try:
        async with Peer(signaling=relay, sinks=sinks, on_event=Console(as_json=False).show) as peer:
            await peer.wait()
    finally:
        for path in recorder.files:  # the peer is closed, and so are they
            print(f"recorded {path}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: record_motion.py FILE [RELAY]")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(record(*sys.argv[1:3]))
    except PeerError as error:
        sys.exit(f"record_motion: {error}")
