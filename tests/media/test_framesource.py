"""A program's own pictures, as a source."""

import asyncio
import sys
import threading
import time

import av
import numpy as np
import pytest
from aiortc import MediaStreamError

from peer import FrameSource
from peer.media.sources import framesource
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE


def coloured(value: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def brightness(frame: av.VideoFrame) -> float:
    return float(frame.to_ndarray(format="gray").mean())


async def test_the_newest_picture_is_given_and_older_ones_are_forgotten() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    for value in (10, 100, 200):
        source.send(coloured(value))
    await asyncio.sleep(0)
    frame = await track.recv()
    assert brightness(frame) == pytest.approx(200, abs=2)
    assert (frame.format.name, frame.width, frame.height, frame.time_base) == ("yuv420p", 64, 48, VIDEO_TIME_BASE)
    await source.close()


async def test_pictures_from_a_thread_arrive_with_the_time_of_their_sending() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    begin = time.monotonic()
    moments = []
    for value in (50, 150):
        await asyncio.to_thread(source.send, coloured(value))
        frame = await track.recv()
        assert brightness(frame) == pytest.approx(value, abs=2)
        moments.append((frame.time, time.monotonic() - begin))
    assert 0 < moments[1][0] - moments[0][0] <= moments[1][1]


async def test_a_thread_sends_while_tracks_are_opened() -> None:
    source = FrameSource()
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            source.send(coloured(90, 2, 2))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    sending = asyncio.create_task(asyncio.to_thread(send))
    try:
        await asyncio.sleep(0.01)
        opened = []
        for count in range(4000):
            opened += source.open_tracks()
            if count % 20 == 0:
                await asyncio.sleep(0)
    finally:
        done.set()
        sys.setswitchinterval(interval)
        await sending  # raises what the thread raised
    await source.close()


async def test_an_array_may_be_used_again_at_once() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    picture = coloured(200)
    source.send(picture)
    picture[:] = 0
    assert brightness(await track.recv()) == pytest.approx(200, abs=2)


async def test_whoever_comes_later_gets_the_last_picture_and_it_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framesource, "REPEAT_SECONDS", 0.05)
    source = FrameSource()
    source.send(coloured(120))
    (track,) = source.open_tracks()
    times = []
    for _ in range(3):
        frame = await track.recv()
        assert brightness(frame) == pytest.approx(120, abs=2)
        times.append(frame.time)
    assert np.diff(times).min() >= 0.04


async def test_a_frame_of_av_is_sent_without_being_changed() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    for layout in ("yuv420p", "rgb24"):
        mine = av.VideoFrame.from_ndarray(coloured(90), format="rgb24").reformat(format=layout)
        mine.pts = 12345
        source.send(mine)
        frame = await track.recv()
        assert brightness(frame) == pytest.approx(90, abs=2)
        assert frame is not mine
        assert mine.pts == 12345


async def test_odd_sides_become_even() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    source.send(coloured(90, 63, 49))
    frame = await track.recv()
    assert (frame.width, frame.height) == (64, 48)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((48, 64), np.uint8), "48 x 64, uint8"),
        (np.zeros((48, 64, 4), np.uint8), "48 x 64 x 4"),
        (np.zeros((48, 64, 3), np.float32), "float32"),
        (np.zeros((0, 64, 3), np.uint8), "64x0"),
    ],
)
def test_what_is_no_picture_is_refused(picture: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FrameSource().send(picture)


async def test_closing_ends_a_track_that_is_waited_for() -> None:
    source = FrameSource()
    (track,) = source.open_tracks()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    await source.close()
    with pytest.raises(MediaStreamError):
        await waiting
    with pytest.raises(MediaStreamError):
        await track.recv()
