"""Digits drawn with seven segments, so that numbers in pictures need no font."""

import functools

import numpy as np

from peer.media.base.pictures import BLACK, WHITE, Plane

# a is the top segment, b and c are on the right, d is at the bottom, e and f are on the left, g is in the middle.
SEGMENTS = {
    "0": "abcdef",
    "1": "bc",
    "2": "abdeg",
    "3": "abcdg",
    "4": "bcfg",
    "5": "acdfg",
    "6": "acdefg",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
    " ": "",
}
# Where each segment lies in a grid of 9 rows and 5 columns.
BOXES: dict[str, tuple[int | slice, int | slice]] = {
    "a": np.s_[0, 1:4],
    "b": np.s_[1:4, 4],
    "c": np.s_[5:8, 4],
    "d": np.s_[8, 1:4],
    "e": np.s_[5:8, 0],
    "f": np.s_[1:4, 0],
    "g": np.s_[4, 1:4],
}
ROWS, GAP = 9, 2


def text_height(scale: int) -> int:
    """Rows that a text takes."""
    return ROWS * scale


def text_width(text: str, scale: int) -> int:
    """Columns that a text takes, with the gap after its last character."""
    return sum(_glyph(character, scale).shape[1] for character in text)


def draw_text(luma: Plane, left: int, top: int, text: str, scale: int) -> None:
    """Draw digits, spaces, colons and points into a Y plane, white on black, with strokes of `scale` pixels.

    What lies outside of the plane is cut off.
    """
    picture = np.concatenate([_glyph(character, scale) for character in text], axis=1)
    target = luma[top : top + picture.shape[0], left : left + picture.shape[1]]
    target[:] = picture[: target.shape[0], : target.shape[1]]


@functools.lru_cache(maxsize=64)
def _glyph(character: str, scale: int) -> Plane:
    columns = 5 if character in SEGMENTS else 1
    grid = np.full((ROWS, columns + GAP), BLACK, np.uint8)
    if character == ":":
        grid[[2, 6], 0] = WHITE
    elif character == ".":
        grid[8, 0] = WHITE
    else:
        for segment in SEGMENTS[character]:
            grid[BOXES[segment]] = WHITE
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)
