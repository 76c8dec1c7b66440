"""Sizes, rates and codecs, a short call of each system for each."""

import itertools
from collections.abc import Sequence

from benchmarks import quality, rounds
from benchmarks.call import Direction, Measurement, Times
from benchmarks.rounds import ways
from benchmarks.stage import CallOptions, Stage
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median

SIZES = ((640, 360), (1280, 720), (1920, 1080))
ALL_FORMATS = tuple(
    CallOptions(width, height, fps, codec, samples=True)
    for codec, (width, height), fps in itertools.product(("VP8", "H264"), SIZES, (30.0, 60.0))
)
SOME_FORMATS = (
    CallOptions(codec="H264", samples=True),
    CallOptions(1920, 1080, samples=True),
)


def tabulate(stage: Stage, systems: Sequence[str], formats: Sequence[CallOptions], times: Times) -> Table:
    """A row for each direction of each call; "-" for a system that does not have the codec."""
    headings = [
        "",
        "ms p50 / p95 / p99",
        "frames/s",
        "freezes",
        "PSNR dB",
        "SSIM",
        "quantizer",
        "at full size",
        "cores",
    ]
    table = Table("Sizes, rates and codecs", headings)
    for options in formats:
        measured = rounds.measure(stage, systems, options, 1, times)
        for system in systems:
            calls = measured.get(system)
            for name, directions in ways(system, calls or []):
                cells = _row(directions[0], calls[0]) if calls else ["-" if calls is None else FAILED, *["-"] * 7]
                table.add(f"{options.words}: {name}", *cells)
    return table


def _row(one: Direction, call: Measurement) -> list[str]:
    return [
        " / ".join(f"{one.delay(percent):.0f}" for percent in (50, 95, 99)),
        f"{one.rate:.1f}",
        f"{one.freezes}",
        f"{median([quality.mean_psnr(one.steady_likeness)]):.1f}",
        f"{median([quality.mean_ssim(one.steady_likeness)]):.3f}",
        "-" if one.steady_quantizer is None else f"{one.steady_quantizer:.1f}",
        f"{100 * one.full_size_share:.0f} %",
        f"{call.cores:.2f}",
    ]
