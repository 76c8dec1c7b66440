"""The code at the top of every picture: which frame it is, and when it was made.

The same as in the peer's own test picture (`peer.media.sources.drawn.testpattern`), with a reader that looks at one
line of pixels only: a receiver that is measured must not spend its time on being measured.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from peer.media.sources.drawn.testpattern import CELLS, WRAP, TestReading, crc8

Plane = npt.NDArray[np.uint8]

BLACK, WHITE = 16, 235
THRESHOLD = (BLACK + WHITE) / 2


def draw(luma: Plane, counter: int, clock_ms: int) -> None:
    """Draw both rows over the top eighth of a luma plane (height x width)."""
    height, width = luma.shape
    band = height // 8
    widths = _cell_widths(width)
    for row, number in enumerate((counter, clock_ms)):
        data = (number % WRAP).to_bytes(3, "big")
        bits = np.unpackbits(np.frombuffer(data + bytes([crc8(data)]), np.uint8))
        line = np.repeat(np.where(bits, WHITE, BLACK).astype(np.uint8), widths)
        luma[row * band // 2 : (row + 1) * band // 2] = line


def read(luma: Plane) -> TestReading | None:
    """The numbers in a luma plane of any size; None where they can't be read."""
    height, width = luma.shape
    band = height // 8
    if band < 4 or width < 2 * CELLS:
        return None
    numbers = []
    for row in range(2):
        line = luma[row * band // 2 + band // 4]
        code = np.packbits(line[_cell_centres(width)] > THRESHOLD).tobytes()
        if crc8(code[:3]) != code[3]:
            return None
        numbers.append(int.from_bytes(code[:3], "big"))
    return TestReading(*numbers)


def delay_ms(arrived_ms: float, clock_ms: int) -> float:
    """Milliseconds from the time in the code, which knows the clock modulo 2^24 only, to the arrival."""
    return (arrived_ms - clock_ms + WRAP / 2) % WRAP - WRAP / 2


@lru_cache
def _cell_widths(width: int) -> npt.NDArray[np.int64]:
    return np.diff(np.arange(CELLS + 1) * width // CELLS)


@lru_cache
def _cell_centres(width: int) -> npt.NDArray[np.int64]:
    return (2 * np.arange(CELLS) + 1) * width // (2 * CELLS)
