"""Muting and switching in the middle of a call, seen and heard at the far end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from peer import FrameSource, MediaError, Peer
from peer.events import Connected, Muted, Notice, SourceOpened
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.media.mediafiles import make_file, tone
from tests.peer.content import MEDIA, PATIENCE, hear, loudest, mono, see
from tests.peer.story import Story

RECEIVER: dict[str, Any] = {"video": "none", "audio": "none"}


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


async def until_seen(peer: Peer, is_it: Callable[[av.VideoFrame], bool], count: int = 3) -> list[av.VideoFrame]:
    """Pictures of the partner: all up to so many in a row of which this is true."""
    seen: list[av.VideoFrame] = []
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.video_frames(limit=100):
            seen.append(frame)
            if len(seen) >= count and all(is_it(frame) for frame in seen[-count:]):
                break
    return seen


async def until_heard(peer: Peer, is_it: Callable[[np.ndarray[Any, Any]], bool]) -> None:
    """Until this is true of half a second of the partner's sound."""
    pieces: list[np.ndarray[Any, Any]] = []
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.audio_frames():
            pieces = [*pieces, mono(frame)][-25:]
            if len(pieces) == 25 and is_it(np.concatenate(pieces)):
                break


def is_black(frame: av.VideoFrame) -> bool:
    return bool(planes(frame)[0].max() < 32)


def is_test_picture(frame: av.VideoFrame) -> bool:
    return read_test_picture(planes(frame)[0]) is not None


def is_silent(samples: np.ndarray[Any, Any]) -> bool:
    return bool(np.abs(samples).max() < 100)


async def test_a_muted_picture_is_black_and_comes_back(relay: Relay) -> None:
    story = Story()
    async with (
        Peer(signaling=relay.url, on_event=story, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        before = await see(other)
        one.mute("video")
        assert one.muted == {"video"}
        dark = await until_seen(other, is_black)
        assert (dark[-1].width, dark[-1].height) == (320, 240)
        assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)  # the sound goes on
        one.unmute("video")
        light = await until_seen(other, is_test_picture)
        assert one.muted == frozenset()
        assert await see(other, more_than=before[-1])
    times = [frame.time for frame in [*dark, *light]]
    assert times == sorted(times)
    assert story.of(Muted) == [Muted(["video"]), Muted([])]


async def test_muted_sound_is_silent_and_comes_back(relay: Relay) -> None:
    async with (
        Peer(signaling=relay.url, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        await hear(other)
        one.mute("audio")
        await asyncio.gather(until_heard(other, is_silent), see(other))
        one.unmute("audio")
        assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)


async def test_what_is_muted_before_a_call_is_muted_in_it(relay: Relay) -> None:
    one = Peer(signaling=relay.url, **MEDIA)
    one.mute()
    async with one, Peer(role="answerer", signaling=relay.url, **RECEIVER) as other:
        first = await until_seen(other, is_black)
        assert all(is_black(frame) for frame in first)
        await until_heard(other, is_silent)
    with pytest.raises(ValueError, match="smell"):
        one.mute("smell")


async def test_the_picture_is_switched_to_a_film_and_back_while_the_sound_goes_on(relay: Relay, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_film(film)
    story = Story()
    async with (
        Peer(signaling=relay.url, on_event=story, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        counters = await see(other)
        await one.switch(video=str(film))
        filmed = await until_seen(other, is_grey)
        assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)
        await one.switch(video="test")
        again = await until_seen(other, is_test_picture)
        reading = read_test_picture(planes(again[-1])[0])
        assert reading is not None
        assert reading.counter < counters[-1] + 1000  # a new test picture, from its beginning
        assert one.calls == 1
    times = [frame.time for frame in [*filmed, *again]]
    assert times == sorted(times)
    assert [event.label for event in story.of(SourceOpened)][1:] == ["film.mkv", "test picture 320x240 15 fps"]
    assert len(story.of(Connected)) == 1


def make_film(path: Path) -> None:
    """Three seconds of grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        picture = np.full((240, 320, 3), 128, np.uint8)
        for _ in range(45):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def is_grey(frame: av.VideoFrame) -> bool:
    luma = planes(frame)[0]
    return bool(abs(luma.mean() - 126) < 10 and luma.std() < 10)


async def test_the_sound_is_switched_to_a_file(relay: Relay, tmp_path: Path) -> None:
    file = make_file(tmp_path / "tone.mkv", seconds=4, sound=tone(4, frequency=1000))
    async with (
        Peer(signaling=relay.url, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)
        await one.switch(audio=str(file))
        await until_heard(other, lambda samples: abs(loudest(samples, 48000) - 1000) < 5)


async def test_a_source_that_fails_to_open_leaves_the_old_one_running(relay: Relay) -> None:
    async with (
        Peer(signaling=relay.url, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        counters = await see(other)
        with pytest.raises(MediaError, match=r"nothing\.mp4"):
            await one.switch(video="nothing.mp4")
        with pytest.raises(MediaError, match="video99"):
            await one.switch(video="/dev/video99")
        assert one.sending("video") == "test picture 320x240 15 fps and tone"
        await see(other, more_than=counters[-1])


async def test_a_programs_own_source_takes_over_and_the_next_call_has_it_too(relay: Relay) -> None:
    drawing = FrameSource("drawing")
    drawing.send(np.full((240, 320, 3), 128, np.uint8))
    async with Peer(signaling=relay.url, **MEDIA) as one:
        async with Peer(role="answerer", signaling=relay.url, **RECEIVER) as other:
            await see(other)
            await one.switch(video=drawing)
            await until_seen(other, is_grey)
        async with Peer(role="answerer", signaling=relay.url, **RECEIVER) as other:
            assert all(is_grey(frame) for frame in await until_seen(other, is_grey))
            assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)
        with pytest.raises(ValueError, match="drawing gives no audio"):
            await one.switch(audio=drawing)


async def test_a_kind_that_the_call_was_made_without_comes_with_the_next(relay: Relay) -> None:
    story = Story()
    async with Peer(signaling=relay.url, on_event=story, **{**MEDIA, "video": "none"}) as one:
        async with Peer(role="answerer", signaling=relay.url, **RECEIVER) as other:
            await hear(other)
            await one.switch(video="test")
            assert story.of(Notice) == [
                Notice("the partner sends no sound and no picture"),
                Notice("this call was made without video: it is sent from the next call on"),
            ]
        async with Peer(role="answerer", signaling=relay.url, **RECEIVER) as other:
            await see(other)


async def test_switching_to_none_and_back(relay: Relay) -> None:
    async with (
        Peer(signaling=relay.url, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        await see(other)
        await one.switch(video="none")
        assert one.sending("video") is None
        assert await hear(other) == pytest.approx(TEST_TONE_HZ, abs=3)
        await one.switch(video="test")
        await see(other)


async def test_a_film_that_has_ended_can_be_followed_by_something_else(relay: Relay, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_film(film)
    async with (
        Peer(signaling=relay.url, video=str(film), audio="none") as one,
        Peer(role="answerer", signaling=relay.url, **RECEIVER) as other,
    ):
        frames = await until_seen(other, is_grey, count=10)
        last = await _last(other)
        await one.switch(video="test")
        assert (await until_seen(other, is_test_picture))[-1].time > max(last, frames[-1].time)


async def _last(peer: Peer) -> float:
    """The time of the last picture, when none has come for a second."""
    last = 0.0
    frames = peer.video_frames()
    while True:
        try:
            async with asyncio.timeout(1.0):
                last = (await anext(frames)).time
        except TimeoutError:
            return last


async def test_ending_from_a_program(relay: Relay) -> None:
    async with Peer(signaling=relay.url, **MEDIA) as one:
        assert not await one.tell_statistics()
        asyncio.get_running_loop().call_soon(one.end)
        async with asyncio.timeout(PATIENCE):
            await one.wait()
    with pytest.raises(RuntimeError, match="not entered"):
        await Peer(**MEDIA).switch(video="test")
