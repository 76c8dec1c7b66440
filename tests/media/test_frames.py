"""Streams of frames for programs: bounded, whatever the program does."""

import asyncio
import gc

import av
import pytest

from peer.media.base.frames import FrameSink, FrameStream


def picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(16, 16, "yuv420p")
    frame.pts = number
    return frame


async def test_the_newest_policy_gives_the_newest() -> None:
    sink = FrameSink()
    frames = sink.video_frames()
    for number in range(5):
        sink.on_video(picture(number))
    assert (await anext(frames)).pts == 4
    assert frames.dropped == 4
    sink.on_video(picture(5))
    assert (await anext(frames)).pts == 5


async def test_the_bounded_policy_keeps_the_order_and_drops_the_oldest() -> None:
    frames: FrameStream[int] = FrameStream(3)
    for number in range(5):
        frames.put(number)
    assert [await anext(frames) for _ in range(3)] == [2, 3, 4]
    assert frames.dropped == 2


async def test_a_reader_that_waits_is_woken_and_the_end_comes_after_what_is_left() -> None:
    frames: FrameStream[int] = FrameStream(10)
    reader = asyncio.create_task(anext(frames))
    await asyncio.sleep(0)  # let it wait
    frames.put(1)
    assert await reader == 1
    frames.put(2)
    frames.close()
    frames.put(3)
    assert [number async for number in frames] == [2]


async def test_streams_go_on_from_call_to_call_and_end_with_the_sink() -> None:
    sink = FrameSink()
    frames = sink.video_frames(limit=10)
    for call in range(2):
        sink.begin_call(frozenset({"video"}))
        sink.on_video(picture(call))
        sink.end_call()
    await sink.close()
    assert [frame.pts async for frame in frames] == [0, 1]
    assert [frame async for frame in sink.audio_frames()] == []


async def test_a_stream_that_was_let_go_is_forgotten() -> None:
    sink = FrameSink()
    frames = sink.video_frames(limit=100)
    frame = picture(1)
    sink.on_video(frame)
    del frames
    gc.collect()
    assert not list(sink._video)


async def test_a_stream_must_hold_something() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FrameSink().video_frames(limit=0)
