"""The test source gives the picture and the tone that it promises, in real time."""

import asyncio
import itertools
import time

import numpy as np
import pytest
from aiortc import MediaStreamError

from peer.media.base.pacing import Pacer
from peer.media.base.pictures import planes
from peer.media.base.sound import RATE
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, read_test_picture
from peer.media.sources.drawn.testsource import PictureTrack, TestSource, ToneTrack


async def test_pictures_are_numbered_dated_and_timed() -> None:
    track = PictureTrack((320, 240), 50)
    before = time.time()
    frames = [await track.recv() for _ in range(11)]
    took = time.time() - before
    readings = [read_test_picture(planes(frame)[0]) for frame in frames]
    assert [reading.counter for reading in readings if reading] == list(range(11))
    assert readings[0] is not None
    assert abs(readings[0].clock_ms - int(before * 1000) % (1 << 24)) < 1000
    slots = [frame.pts / (90000 / 50) for frame in frames]  # more than one apart where this machine was slow
    assert slots[0] == 0
    assert all(slot == int(slot) for slot in slots)
    assert all(later > earlier for earlier, later in itertools.pairwise(slots))
    assert took >= 0.199  # ten intervals of 20 ms


async def test_the_tone_is_a_pure_440_hz_without_steps() -> None:
    track = ToneTrack()
    frames = [await track.recv() for _ in range(12)]
    assert {(f.format.name, f.layout.name, f.sample_rate, f.samples) for f in frames} == {("s16", "stereo", RATE, 960)}
    pts = np.array([frame.pts for frame in frames])
    assert (pts % 960 == 0).all()
    left = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames]).astype(float)
    moments = (pts[:, None] + np.arange(960)).ravel() / RATE
    expected = 0.25 * 32767 * np.sin(2 * np.pi * TEST_TONE_HZ * moments)
    assert np.abs(left - expected).max() <= 1


async def test_after_a_stall_late_frames_are_skipped_not_made_in_a_burst() -> None:
    pacer = Pacer(100, slack=0.01)
    assert await pacer.next() == 0
    time.sleep(0.2)  # noqa: ASYNC251 what is tested is a blocked event loop
    after = await pacer.next()
    assert after >= 20
    start = time.monotonic()
    assert await pacer.next() > after
    assert await pacer.next() > after + 1
    assert time.monotonic() - start > 0.005  # not both at once


async def test_a_little_lateness_is_made_up_for() -> None:
    pacer = Pacer(100, slack=5)
    assert await pacer.next() == 0
    time.sleep(0.1)  # noqa: ASYNC251 what is tested is a blocked event loop
    assert [await pacer.next() for _ in range(5)] == [1, 2, 3, 4, 5]


async def test_each_call_gets_new_tracks_that_end_when_stopped_or_closed() -> None:
    source = TestSource({"video", "audio"}, (320, 240), 30)
    assert source.label == "test picture 320x240 30 fps and tone"
    first, second = source.open_tracks(), source.open_tracks()
    assert [track.kind for track in first] == ["video", "audio"]
    first[0].stop()
    with pytest.raises(MediaStreamError):
        await first[0].recv()
    await second[0].recv()
    waiting = asyncio.create_task(second[0].recv())
    await asyncio.sleep(0)  # let it wait for its picture
    await source.close()
    with pytest.raises(MediaStreamError):
        await waiting
    with pytest.raises(MediaStreamError):
        await second[1].recv()
