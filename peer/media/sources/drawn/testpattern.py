"""The test picture: something to look at, that a program can read back.

A band over the top eighth of the picture has two rows of 32 equal cells, each a bit, black or white, the most
significant first:

    row 1    frame counter, 24 bits             CRC-8 of these three bytes
    row 2    Unix time in ms, modulo 2^24       CRC-8 of these three bytes

so whoever gets the picture knows which frame it is, and how long it was on its way. Below are colour bars, a ball that
moves, and the counter and the time of day (UTC) in digits.
"""

import time
from dataclasses import dataclass
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt

from peer.media.base.pictures import BLACK, NEUTRAL, WHITE, Plane, planes
from peer.media.sources.drawn.digits import draw_text, text_height, text_width

Mask: TypeAlias = npt.NDArray[np.bool_]

TEST_TONE_HZ = 440
CELLS = 32
WRAP = 1 << 24

# 75 % colour bars: white, yellow, cyan, green, magenta, red, blue (Y, Cb, Cr of ITU-R BT.601).
BARS = [
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
]
BALL = (235, 100, 180)


@dataclass(frozen=True)
class TestReading:
    """What was read from a test picture: both numbers modulo 2^24, the clock in milliseconds of Unix time."""

    __test__ = False  # not a test class, whatever its name

    counter: int
    clock_ms: int


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, initial value 0, not reflected."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x107 if crc & 0x80 else crc << 1
    return crc


def read_test_picture(luma: Plane) -> TestReading | None:
    """The numbers in a test picture of any size, from its Y plane (height x width); None if they can't be read."""
    height, width = luma.shape
    band = height // 8
    if band < 4 or width < 2 * CELLS:
        return None
    numbers = []
    for row in range(2):
        top = row * band // 2
        middle = luma[top + band // 8 : top + band // 2 - band // 8]
        bits = [middle[:, _inner(cell, width)].mean() > (BLACK + WHITE) / 2 for cell in range(CELLS)]
        code = np.packbits(bits).tobytes()
        if crc8(code[:3]) != code[3]:
            return None
        numbers.append(int.from_bytes(code[:3], "big"))
    return TestReading(*numbers)


def _inner(cell: int, width: int) -> slice:
    """The middle half of a cell's columns, away from edges that scaling and compression blur."""
    left, right = cell * width / CELLS, (cell + 1) * width / CELLS
    quarter = (right - left) / 4
    return slice(int(left + quarter), max(int(right - quarter), int(left + quarter) + 1))


class TestPicture:
    """Draws test pictures of one size, at the cost of little more than copying it: only what moves is drawn anew."""

    __test__ = False

    def __init__(self, width: int, height: int) -> None:
        """Sides in pixels, both even."""
        self._size = (width, height)
        self._band = height // 8
        self._floor = height * 5 // 6 & ~1  # the colour bars end here, and the digits are below
        self._stroke = max(1, width // 160)
        self._background = self._draw_background(width, height)
        self._ball = self._draw_ball(max(2, height // 12) // 2 * 2)
        edges = np.arange(CELLS + 1) * width // CELLS
        self._cell_widths = np.diff(edges)

    def draw(self, counter: int, seconds: float, now: float | None = None) -> av.VideoFrame:
        """One picture: its number, seconds since the start (where the ball is), and Unix time (by default, now)."""
        frame = av.VideoFrame(*self._size, "yuv420p")
        views = planes(frame)
        for view, background in zip(views, self._background, strict=True):
            view[:] = background
        self._draw_moving(views, seconds)
        now = time.time() if now is None else now
        self._draw_digits(views[0], counter, now)
        self._draw_code(views[0], 0, counter)
        self._draw_code(views[0], 1, int(now * 1000))
        return frame

    def _draw_code(self, luma: Plane, row: int, number: int) -> None:
        data = (number % WRAP).to_bytes(3, "big")
        bits = np.unpackbits(np.frombuffer(data + bytes([crc8(data)]), np.uint8))
        line = np.repeat(np.where(bits, WHITE, BLACK).astype(np.uint8), self._cell_widths)
        luma[row * self._band // 2 : (row + 1) * self._band // 2] = line

    def _draw_digits(self, luma: Plane, counter: int, now: float) -> None:
        clock = time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}"
        width, height = self._size
        top = (self._floor + height - text_height(self._stroke)) // 2
        draw_text(luma, 0, top, f"{counter % WRAP:8}", self._stroke)
        draw_text(luma, width - text_width(clock, self._stroke), top, clock, self._stroke)

    def _draw_moving(self, views: list[Plane], seconds: float) -> None:
        """The ball goes to and fro once in 4 s and bounces once a second."""
        side = self._ball[0].shape[0]
        room_x = self._size[0] - side
        room_y = self._floor - self._band - side
        x = int(room_x * abs(1 - seconds % 4 / 2))
        y = self._band + int(room_y * (2 * (seconds % 1) - 1) ** 2)
        for index, view in enumerate(views):
            mask, step = (self._ball[1], 2) if index else (self._ball[0], 1)
            left, top = x // 2 * 2 // step, y // 2 * 2 // step
            view[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = BALL[index]

    @staticmethod
    def _draw_ball(side: int) -> tuple[Mask, Mask]:
        """What the ball covers of a square with this side, in the Y plane and in the others."""

        def disc(size: int) -> Mask:
            away = np.square(np.arange(size) - (size - 1) / 2)
            covered: Mask = np.add.outer(away, away) <= size * size / 4
            return covered

        return disc(side), disc(side // 2)

    def _draw_background(self, width: int, height: int) -> list[Plane]:
        """Colour bars between the band and a black strip for the digits."""
        result = []
        for index in range(3):
            shift = 1 if index else 0
            plane = np.full((height >> shift, width >> shift), (BLACK, NEUTRAL, NEUTRAL)[index], np.uint8)
            edges = np.arange(len(BARS) + 1) * plane.shape[1] // len(BARS)
            bars = np.repeat(np.array([bar[index] for bar in BARS], np.uint8), np.diff(edges))
            plane[(self._band + 1) >> shift : self._floor >> shift] = bars
            result.append(plane)
        return result
