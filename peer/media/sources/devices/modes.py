"""What a camera can do, and which of it to ask for. Nothing here does I/O."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

RAW = {  # formats that need no decoder, by FFmpeg's names
    *("yuv420p", "yuv422p", "yuyv422", "uyvy422", "nv12", "rgb24", "bgr24", "bgr0", "gray"),
}
COMPRESSED = {"mjpeg"}
ENOUGH = 0.95  # of the rate that was asked for: cameras that promise 30 have 29.97
LARGER = 1.5  # how much worse too large is than too small: it costs the processor


@dataclass(frozen=True)
class Mode:
    """A pixel format (FFmpeg's name for it where it has one), a size (width, height) and rates in frames a second."""

    format: str
    size: tuple[int, int]
    rates: tuple[float, ...] = ()

    def rate(self, fps: float) -> float | None:
        """The rate to ask for: the least that is enough, else the most; None if the camera does not tell."""
        enough = [rate for rate in self.rates if rate >= fps * ENOUGH]
        return min(enough) if enough else max(self.rates, default=None)


def best_mode(modes: Iterable[Mode], size: tuple[int, int], fps: float, *, exactly: bool) -> Mode | None:
    """The mode nearest to a size and a rate; None if there is none that can be used.

    With `exactly`, only the size counts first: it was asked for. Otherwise a smaller picture is better than one that
    moves slowly. Of two that are as near, raw pictures are taken, since those of MJPEG must be decoded.
    """

    def cost(mode: Mode) -> tuple[bool, float, bool]:
        scale = math.log2(mode.size[0] * mode.size[1] / (size[0] * size[1]))
        slowness = max(0.0, math.log2(fps * ENOUGH / (mode.rate(fps) or fps)))
        distance = scale * LARGER if scale > 0 else -scale
        return exactly and mode.size != size, round(distance + 2 * slowness, 3), mode.format in COMPRESSED

    return min(filter(usable, modes), key=cost, default=None)


def usable(mode: Mode) -> bool:
    """Whether its pictures can be read."""
    return mode.format in RAW | COMPRESSED and min(mode.size) > 0


def summarized(modes: Iterable[Mode]) -> list[str]:
    """For people, a line for each size: "1280x720 at 15, 30 fps: mjpeg, nv12"."""
    formats: dict[str, list[str]] = {}
    for mode in modes:
        rates = f" at {', '.join(f'{rate:.4g}' for rate in mode.rates)} fps" if mode.rates else ""
        formats.setdefault(f"{mode.size[0]}x{mode.size[1]}{rates}", []).append(mode.format)
    return [f"{line}: {', '.join(names)}" for line, names in formats.items()]
