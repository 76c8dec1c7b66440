"""What a peer sees and hears of its partner: the numbers in the test picture, and the tone."""

import asyncio
from typing import Any

import av
import numpy as np

from peer import Peer
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import read_test_picture

LEFT = ("the partner left", "the partner closed the connection")
"""Why a call ends when the partner does: the relay and the connection tell it, and either may be first."""
PATIENCE = 40.0
"""Seconds for a call to come up and bring something, on a machine that is busy with other things."""
MEDIA: dict[str, Any] = {"video": "test", "audio": "test", "size": "320x240", "fps": 15}
OPTIONS = ("--video", "test", "--audio", "test", "--size", "320x240", "--fps", "15")


async def see(peer: Peer, count: int = 5, more_than: int = -1) -> list[int]:
    """The counters of this many pictures of the partner, which come in their order; all are `more_than` this."""
    counters: list[int] = []
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.video_frames(limit=100):
            reading = read_test_picture(planes(frame)[0])
            if reading is not None and reading.counter > more_than:
                counters.append(reading.counter)
            if len(counters) == count:
                break
    assert counters == sorted(set(counters))
    return counters


async def hear(peer: Peer) -> float:
    """The frequency in Hz of what is loudest in half a second of the partner's sound, once it is loud."""
    pieces: list[np.ndarray[Any, Any]] = []
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.audio_frames():
            pieces = [*pieces, mono(frame)][-25:]
            if len(pieces) == 25 and min(np.abs(piece).max() for piece in pieces) > 1000:
                break
    return loudest(np.concatenate(pieces), frame.sample_rate)


def mono(frame: av.AudioFrame) -> np.ndarray[Any, Any]:
    """The left channel of packed s16 samples."""
    samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    left: np.ndarray[Any, Any] = samples[:, 0]
    return left


def loudest(samples: np.ndarray[Any, Any], rate: int) -> float:
    """The strongest frequency in Hz, to 2 Hz for half a second."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * rate / len(samples)


def of_file(path: Any) -> tuple[list[int], float]:
    """The counters in a recording's pictures, and the frequency of its sound."""
    counters: list[int] = []
    pieces: list[np.ndarray[Any, Any]] = []
    rate = 0
    with av.open(str(path)) as container:
        assert {stream.type for stream in container.streams} == {"audio", "video"}
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                reading = read_test_picture(planes(frame.reformat(format="yuv420p"))[0])
                counters += [reading.counter] if reading else []
            elif isinstance(frame, av.AudioFrame):
                rate = frame.sample_rate
                pieces.append(frame.to_ndarray()[0].reshape(-1, 1 if frame.format.is_planar else 2)[:, 0])
    return counters, loudest(np.concatenate(pieces)[-rate:], rate)
