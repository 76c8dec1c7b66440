"""A program that floods the relay on this machine: volleys of pings, and large messages of numbers.

    python flood.py PORT SECONDS

It says "flooding" once all its clients are there, and ends after so many seconds whatever happens.
"""

import asyncio
import contextlib
import json
import os
import sys

from wire import BareSocket

VOLLEYS = 200
VOLLEY = b"\x89\x80\0\0\0\0" * (128 * 1024 // 6)
"""128 KiB of empty pings."""
PAUSE = 1.0
"""Seconds from one volley of a connection to the next: this program leaves the processor to the others."""

ROOMS_OF_NUMBERS = 4
NUMBERS = json.dumps({"type": "offer", "payload": [1] * 32_500}, separators=(",", ":")).encode()
"""64 KiB that cost a relay most if it reads and writes them anew."""


async def fire_volleys(address: tuple[str, int], there: asyncio.Semaphore) -> None:
    """Send a volley, see the connection end, and come back."""
    while True:
        with contextlib.suppress(OSError, EOFError, AssertionError):
            async with BareSocket.open(address) as bare:
                await bare.shake_hands()
                there.release()
                bare.writer.write(VOLLEY)
                while await bare.reader.read(65536):
                    pass
        await asyncio.sleep(PAUSE)


async def send_numbers(address: tuple[str, int], room: str, there: asyncio.Semaphore) -> None:
    """Send a second what any client may, for as long as the relay lets it."""
    while True:
        with contextlib.suppress(OSError, EOFError, AssertionError):
            async with BareSocket.open(address) as bare:
                await bare.shake_hands()
                bare.send_frame(
                    0x1, json.dumps({"type": "join", "payload": {"role": "offerer", "roomId": room}}).encode()
                )
                there.release()
                reading = asyncio.create_task(bare.reader.read(-1))
                while not reading.done():
                    bare.send_frame(0x1, NUMBERS)
                    await bare.writer.drain()
                    await asyncio.wait([reading], timeout=1 / 40)


async def main(port: int, seconds: float) -> None:
    address = ("127.0.0.1", port)
    there = asyncio.Semaphore(0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in range(2 * ROOMS_OF_NUMBERS):
                group.create_task(send_numbers(address, f"numbers {number // 2}", there))
            for _ in range(2 * ROOMS_OF_NUMBERS):
                await there.acquire()
            for _ in range(VOLLEYS):
                group.create_task(fire_volleys(address, there))
            print("flooding", flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
