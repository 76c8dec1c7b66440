"""Reads the numbers in the test picture: which pictures were lost on the way, and how old the others are on arrival.

    python examples/read_test_picture.py

It needs nothing else: a relay and both ends of the call run in this one program.
"""

import asyncio
import statistics
import time

from peer import Peer
from peer.media.sources.drawn.testpattern import WRAP, read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay

PICTURES = 100


async def measure() -> None:
    readings, ages = [], []
    async with (
        Relay(RelayConfig(port=0)) as relay,
        Peer(signaling=relay.url, video="test", audio="none"),
        Peer(signaling=relay.url, video="none", audio="none") as receiver,
    ):
        async for frame in receiver.video_frames(limit=PICTURES):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height]  # U and V are below
            reading = read_test_picture(luma)
            if reading is None:
                print("a picture can't be read")
                continue
            readings.append(reading.counter)
            ages.append((int(time.time() * 1000) - reading.clock_ms) % WRAP)
            if len(readings) == PICTURES:
                break
    lost = (readings[-1] - readings[0]) % WRAP + 1 - PICTURES
    age = statistics.median(ages)
    print(f"{PICTURES} pictures came, {lost} between them were lost; half were younger than {age:.0f} ms")


if __name__ == "__main__":
    asyncio.run(measure())
