"""A peer whose partner sends the test picture and tone: it judges what comes, and tells it as JSON when asked.

    python -m tests.network.watcher ROLE URL [PeerOptions as JSON]

It writes an object for each line that it reads, about what came since the line before: how many pictures, how many of
them could not be read or are unlike the picture that was sent, the longest pause between two, and how much of the
sound is the tone.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np

from peer import Peer
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, WRAP, TestPicture, read_test_picture
from tests.peer.content import mono

SIZE, FPS = (640, 360), 30
MAX_SKIPPED = 15
UNDAMAGED_DB = 40.0
"""What coding alone leaves of this simple picture, and more; a ball in another place makes it less."""
GOOD_DB = 30.0
"""Below this a picture has damage that can be seen."""


@dataclass
class Judgement:
    """What came in a while."""

    pictures: int = 0
    unreadable: int = 0
    repeated: int = 0
    """Pictures whose counter was not above the one before."""
    decibels: list[float] = field(default_factory=list)
    """Of every picture: the likeness to the one that was sent (PSNR of luma)."""
    longest_pause: float = 0.0
    delays: list[float] = field(default_factory=list)
    """From drawing to receiving, in seconds, by the clock that both ends share."""
    sound_seconds: float = 0.0
    tone_share: float = 0.0
    """Of pieces of 20 ms, how many are the tone and hardly anything else."""
    gaps: int = 0
    """Places where the sound's timestamps leave something out."""


class Watcher:
    """Looks at pictures and listens to sound."""

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._fps = fps
        self._drawer = TestPicture(*size)
        self._skipped = 0
        self._last_counter = -1
        self._last_at: float | None = None
        self._next_pts: int | None = None
        self._pieces: list[np.ndarray[Any, Any]] = []
        self._now = Judgement()

    def see(self, frame: av.VideoFrame) -> None:
        """A picture came."""
        now, at = self._now, time.monotonic()
        if self._last_at is not None:
            now.longest_pause = max(now.longest_pause, at - self._last_at)
        self._last_at = at
        now.pictures += 1
        luma = planes(frame)[0]
        reading = read_test_picture(luma)
        if reading is None:
            now.unreadable += 1
            return
        now.repeated += reading.counter <= self._last_counter
        self._last_counter = reading.counter
        now.delays.append((int(time.time() * 1000) - reading.clock_ms) % WRAP / 1000)
        now.decibels.append(self._likeness(luma, reading.counter))

    def _likeness(self, luma: np.ndarray[Any, Any], counter: int) -> float:
        """To the picture with this counter, which a sender that was busy may have drawn later than it should."""
        best = 0.0
        for skipped in range(self._skipped, self._skipped + MAX_SKIPPED):
            likeness = self._compare(luma, (counter + skipped) / self._fps)
            best = max(best, likeness)
            if likeness > UNDAMAGED_DB:
                self._skipped = skipped
                break
        return best

    def _compare(self, luma: np.ndarray[Any, Any], seconds: float) -> float:
        """PSNR in dB between the code above, which is read, and the digits below."""
        height, width = luma.shape
        drawn = planes(self._drawer.draw(0, seconds, now=0.0).reformat(width, height))[0]
        rows = slice(height // 8 + 2, height * 5 // 6 - 2)
        error = np.mean(np.square(luma[rows].astype(np.float32) - drawn[rows]))
        return float(10 * np.log10(255**2 / max(error, 0.01)))

    def hear(self, frame: av.AudioFrame) -> None:
        """A piece of sound came."""
        if frame.pts is not None:
            if self._next_pts is not None and frame.pts != self._next_pts:
                self._now.gaps += 1
            self._next_pts = frame.pts + frame.samples
        self._pieces.append(mono(frame))

    def judge(self) -> Judgement:
        """What came since the last call."""
        now, self._now = self._now, Judgement()
        pieces, self._pieces = self._pieces, []
        if pieces:
            sound = np.concatenate(pieces).astype(np.float64)
            now.sound_seconds = len(sound) / 48_000
            now.tone_share = tone_share(sound)
        return now


def tone_share(sound: np.ndarray[Any, Any], rate: int = 48_000) -> float:
    """How many of its pieces of 20 ms are the tone: a sine of that frequency explains nine tenths of their energy."""
    size = rate // 50
    whole = sound[: len(sound) // size * size].reshape(-1, size)
    times = np.arange(size) / rate * 2 * np.pi * TEST_TONE_HZ
    # Columns that are orthonormal for nearly nine whole waves are what least squares would use.
    basis, _ = np.linalg.qr(np.stack([np.sin(times), np.cos(times)], axis=1))
    explained = np.square(whole @ basis).sum(axis=1)
    energy = np.square(whole).sum(axis=1)
    loud = energy > size * 300**2
    return float(np.mean(loud & (explained > 0.9 * energy)))


async def main() -> None:
    role, url, *more = sys.argv[1:]
    options = {"video": "test", "audio": "test", "size": SIZE, "fps": FPS, **json.loads(more[0] if more else "{}")}
    watcher = Watcher(SIZE, FPS)
    async with Peer(role=role, signaling=url, **options) as peer:
        print(json.dumps({"event": "joined"}), flush=True)

        async def pictures() -> None:
            async for frame in peer.video_frames(limit=30):
                watcher.see(frame)

        async def sound() -> None:
            async for frame in peer.audio_frames():
                watcher.hear(frame)

        async def answers() -> None:
            while await asyncio.to_thread(sys.stdin.readline):
                print(json.dumps({"event": "judgement", **vars(watcher.judge())}), flush=True)

        async with asyncio.TaskGroup() as tasks:
            for job in (pictures, sound, answers):
                tasks.create_task(job())


if __name__ == "__main__":
    asyncio.run(main())
