"""How good the picture is that arrives, in the first five seconds and later, and how soon it is of full size.

Frames that the receiver kept are compared with the same frames drawn once more. The quantizer is the codec's own
measure of how coarse a picture is (VP8: 0 to 127, H264: 0 to 51; Chrome counts it at whichever end it is).
"""

from collections.abc import Iterable

from benchmarks.call import Direction
from benchmarks.rounds import Measured, ways
from benchmarks.samples import Likeness
from benchmarks.stage import CallOptions
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median


def tabulate(measured: Measured, options: CallOptions) -> Table:
    """The mean over the frames, the median of the rounds."""
    headings = ["", "PSNR dB first 5 s", "steady", "SSIM first 5 s", "steady", "quantizer first 5 s", "steady"]
    table = Table(f"Picture, {options.words}", [*headings, "full size after", "sender says it's limited by"])
    for system, rounds in measured.items():
        for name, directions in ways(system, rounds):
            if directions:
                table.add(name, *_row(directions))
            else:
                table.add(name, FAILED, *["-"] * 7)
    return table


def mean_psnr(likenesses: Iterable[Likeness]) -> float:
    """In dB; NaN without frames."""
    values = [one.psnr for one in likenesses]
    return sum(values) / len(values) if values else float("nan")


def mean_ssim(likenesses: Iterable[Likeness]) -> float:
    """NaN without frames."""
    values = [one.ssim for one in likenesses]
    return sum(values) / len(values) if values else float("nan")


def full_size_after(directions: list[Direction]) -> float | None:
    """Seconds, the median; None if a round never came to it."""
    known = [one.full_size_after for one in directions if one.full_size_after is not None]
    return median(known) if known and len(known) == len(directions) else None


def _row(directions: list[Direction]) -> list[str]:
    after = full_size_after(directions)
    return [
        f"{median(mean_psnr(one.first_likeness) for one in directions):.1f}",
        f"{median(mean_psnr(one.steady_likeness) for one in directions):.1f}",
        f"{median(mean_ssim(one.first_likeness) for one in directions):.3f}",
        f"{median(mean_ssim(one.steady_likeness) for one in directions):.3f}",
        _quantizer(one.first_quantizer for one in directions),
        _quantizer(one.steady_quantizer for one in directions),
        "not in time" if after is None else f"{after:.1f} s",
        ", ".join(sorted({one.limited_by for one in directions})) or "-",
    ]


def _quantizer(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.1f}" if known else "-"
