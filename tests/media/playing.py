"""Plays files as a source, and checks what comes."""

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import MediaStreamError, MediaStreamTrack

from peer.media.base.pictures import planes
from peer.media.base.source import SourceRequest
from peer.media.sources.drawn.testpattern import read_test_picture
from peer.media.sources.film.file import FileSource, open_file

BOTH = frozenset({"audio", "video"})


async def read(track: MediaStreamTrack, limit: int = 10_000) -> list[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """The frames of a track until it ends, and when each was given, in seconds."""
    frames = []
    while len(frames) < limit:
        try:
            frames.append(((await track.recv()), time.monotonic()))
        except MediaStreamError:
            break
    return [(moment, frame) for frame, moment in frames]


async def open_it(path: Path | str, *needed: str, only: bool = False, **request: object) -> FileSource:
    """The file with the kinds that it has; it must have the `needed`, and with `only`, others are left."""
    settings = SourceRequest(**request)  # type: ignore[arg-type]
    welcome = frozenset() if only else BOTH
    return await open_file(str(path), frozenset(needed), settings, pytest.fail, welcome=welcome)


def counters(frames: list[tuple[float, av.VideoFrame | av.AudioFrame]]) -> list[int]:
    readings = [read_test_picture(planes(frame)[0]) for _, frame in frames]
    return [reading.counter for reading in readings if reading]


def check_pictures(frames: list[tuple[float, av.VideoFrame | av.AudioFrame]], fps: Fraction | int, count: int) -> None:
    """All pictures are there and have the right time; a slow machine may have left out some."""
    there = counters(frames)
    assert len(there) == len(frames) > count * 0.3
    assert there == sorted(set(there))
    assert there[0] == 0
    assert count - 3 <= there[-1] < count
    behind = [frame.time - float(counter / fps) for (_, frame), counter in zip(frames, there, strict=True)]
    assert 0 <= behind[0] < 0.05  # some containers put the sound's start before the picture's
    assert np.diff(behind).min() > -0.002
    assert behind[-1] < 1  # the clock is set back where this machine could not keep up


def heard(frames: list[tuple[float, av.VideoFrame | av.AudioFrame]]) -> np.ndarray:
    """The first channel from time 0 on, each frame in its place."""
    sound = np.zeros(frames[-1][1].pts + 960)
    for _, frame in frames:
        sound[frame.pts : frame.pts + 960] = frame.to_ndarray().reshape(-1, 2)[:, 0] / 32768
    return sound


def check_sync(
    pictures: list[tuple[float, av.VideoFrame | av.AudioFrame]],
    sounds: list[tuple[float, av.VideoFrame | av.AudioFrame]],
    beep: int,
) -> None:
    """The first sound begins with this picture."""
    begin = np.nonzero(np.abs(heard(sounds)) > 0.05)[0][0] / 48000
    shown_at = dict(zip(counters(pictures), [frame.time for _, frame in pictures], strict=True))
    last, after = max(c for c in shown_at if c <= beep), min(c for c in shown_at if c >= beep)
    assert shown_at[last] - 0.03 <= begin <= shown_at[after] + 0.03
