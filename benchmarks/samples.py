"""Frames that a receiver keeps, to be compared with what was sent once the call is over.

Only luma is kept. A frame every half second for the first five seconds, then one every second: little enough not to
show in what is measured at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.barcode import Plane
from benchmarks.picture import MovingPicture
from benchmarks.watch import Sighting
from peer.media.base.pictures import planes

FIRST_MS = 5000.0
"""The first part of a call: what a person sees who has just come."""


def sample_period_ms(since_first_ms: float) -> float:
    """How long to wait until the next sample, so long after the first frame. `common/watch.js` does the same."""
    return 500.0 if since_first_ms < FIRST_MS else 1000.0


@dataclass(frozen=True)
class Sample:
    """A frame that was kept."""

    sighting: Sighting
    luma: Plane


def sample_of(sighting: Sighting, luma: bytes) -> Sample:
    """From the luma plane without padding."""
    return Sample(sighting, np.frombuffer(luma, np.uint8).reshape(sighting.height, sighting.width))


def read_samples(folder: Path, numbers: Sequence[int], sightings: Sequence[Sighting]) -> list[Sample]:
    """From files named after the numbers of the sightings."""
    return [sample_of(sightings[number], (folder / str(number)).read_bytes()) for number in numbers]


@dataclass(frozen=True)
class Likeness:
    """How like what was sent a frame is, of the full size of what was sent."""

    at: float
    """When it came, in milliseconds of Unix time."""
    psnr: float
    """Of luma, in dB."""
    ssim: float
    """Of luma, the mean (Wang and others, 2004)."""


def compare(samples: Sequence[Sample], picture: MovingPicture) -> list[Likeness]:
    """With the frames that were sent, drawn once more; those whose code can't be read are left out."""
    found = []
    for sample in samples:
        seen = sample.sighting
        if seen.counter is None or seen.clock_ms is None:
            continue
        sent = planes(picture.draw(seen.counter, seen.clock_ms))[0]
        came = sample.luma
        if came.shape != sent.shape:  # a smaller picture is stretched, as on a screen
            size = (sent.shape[1], sent.shape[0])
            came = cv2.resize(came, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
        found.append(Likeness(seen.at, psnr(sent, came), ssim(sent, came)))
    return found


def psnr(sent: Plane, came: Plane) -> float:
    """Peak signal-to-noise ratio in dB; 100 for equal planes."""
    error = float(np.mean(np.square(sent.astype(np.float32) - came)))
    return 100.0 if error == 0 else min(100.0, 10 * float(np.log10(255**2 / error)))


def ssim(sent: Plane, came: Plane) -> float:
    """Mean structural similarity, with the windows and constants of the paper: 11 pixels, sigma 1.5, 0.01, 0.03."""
    a, b = sent.astype(np.float32), came.astype(np.float32)

    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_a, mean_b = smooth(a), smooth(b)
    variance_a, variance_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return float(likeness.mean())
