"""A long call with a program that reads too slowly: its memory must not grow. `python -m tests.soak --minutes 30`.

The program takes a picture a second of the thirty that come, hardly any of the sound, and leaves one stream unread.
Its memory is measured from a warm-up on, which fills what is bounded, until the end.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass

import psutil

from peer import Peer
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.network.processes import Process

ALLOWED_MIB = 20.0
WARM_UP = 0.15
"""Of the whole time, but a minute at most."""
PARTNER = ("--video", "test", "--audio", "test", "--size", "640x360", "--fps", "30")


@dataclass
class Result:
    """What a soak came to."""

    resident: list[float]
    """MiB, since the warm-up."""
    read: int
    dropped: int

    @property
    def growth(self) -> float:
        """MiB, from the end of the warm-up to the most that there was after."""
        return max(self.resident) - self.resident[0]


async def soak(seconds: float, tell: float = 60.0) -> Result:
    """A call of so many seconds with a partner in another process; says what there is every `tell` seconds."""
    async with (
        Relay(RelayConfig(port=0)) as relay,
        Peer(role="answerer", signaling=relay.url, video="none", audio="none") as peer,
    ):
        with Process([sys.executable, "-m", "peer", "--signaling", relay.url, *PARTNER]) as partner:
            pictures, unread, sound = peer.video_frames(), peer.video_frames(limit=30), peer.audio_frames()
            await anext(pictures)
            result = Result([], 0, 0)
            begin = time.monotonic()
            warm = begin + min(60.0, seconds * WARM_UP)
            said = begin
            while (now := time.monotonic()) - begin < seconds:
                await anext(pictures)
                await anext(sound)
                result.read += 1
                if now >= warm:
                    result.resident.append(psutil.Process().memory_info().rss / 2**20)
                if now - said >= tell:
                    said = now
                    print(f"{(now - begin) / 60:.1f} min: {result.resident[-1]:.1f} MiB", flush=True)
                await asyncio.sleep(1)
            result.dropped = pictures.dropped
            assert partner.returncode is None, "the partner went away"
            assert unread.dropped > result.read
            return result


def main() -> None:
    """Soak, print the figures, and fail when there is growth."""
    it = argparse.ArgumentParser(description="A long call with a slow program: does its memory grow?")
    it.add_argument("--minutes", type=float, default=30.0)
    result = asyncio.run(soak(it.parse_args().minutes * 60))
    print(f"{result.read} pictures read, {result.dropped} dropped")
    print(f"grown by {result.growth:.1f} MiB; {ALLOWED_MIB:g} are allowed")
    sys.exit(result.growth > ALLOWED_MIB)


if __name__ == "__main__":
    main()
