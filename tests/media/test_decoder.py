"""A decoder that can't keep up, and a reader that doesn't: what waits is bounded, and the newest goes on."""

import asyncio
import threading
from fractions import Fraction
from typing import Any

import aiortc.codecs
import av
import numpy as np
import pytest
from aiortc.codecs import CODECS
from aiortc.rtcrtpreceiver import RemoteStreamTrack

import peer._aiortc.decoder_thread
from peer._aiortc.decoder_thread import MAX_CODED, MAX_DECODED, Decoder, Task
from peer.media.encoders.vp8 import Vp8Encoder
from peer.media.sources.drawn.testpattern import TestPicture
from peer.rtp.opus import lost_packet

VP8 = next(codec for codec in CODECS["video"] if codec.name == "VP8")
OPUS = CODECS["audio"][0]


def coded_pictures(count: int, every: int) -> list[Task]:
    """VP8 pictures, of which each `every`th is a keyframe."""
    drawer, encoder = TestPicture(160, 120), Vp8Encoder(300_000)
    tasks = []
    for index in range(count):
        frame = drawer.draw(index, index / 30)
        frame.pts, frame.time_base = index * 3000, Fraction(1, 90_000)
        payloads = encoder.encode(frame, keyframe=index % every == 0)
        data = b"".join(aiortc.codecs.depayload(VP8, payload) for payload in payloads)
        tasks.append(Task(VP8, data, index * 3000, index % every == 0))
    return tasks


class Stall:
    """Holds up the decoding thread until it is released: what a machine does that is busy with other things."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released = threading.Event()
        make = peer._aiortc.decoder_thread._make_decoder

        def make_decoder(codec: Any) -> Any:
            self.released.wait(30)
            return make(codec)

        monkeypatch.setattr(peer._aiortc.decoder_thread, "_make_decoder", make_decoder)


async def test_a_decoder_that_is_behind_goes_on_with_the_next_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    stall = Stall(monkeypatch)
    track = RemoteStreamTrack("video")
    lost: list[int] = []
    decoder = Decoder("video", VP8, lambda: lost.append(1))
    decoder.track = track
    tasks = coded_pictures(400, every=100)
    for task in tasks:
        decoder.put(task)
        assert len(decoder._tasks) <= MAX_CODED["video"]
    assert lost
    waiting = len(decoder._tasks)
    assert decoder.dropped >= 400 - 1 - 2 * MAX_CODED["video"]
    stall.released.set()
    decoder.end()
    async with asyncio.timeout(20):
        stamps = []
        while (frame := await track._queue.get()) is not None:
            stamps.append(frame.pts)
    assert len(stamps) <= waiting + 1
    assert stamps == sorted(stamps)


async def test_a_track_that_nobody_reads_holds_the_newest() -> None:
    track = RemoteStreamTrack("video")
    decoder = Decoder("video", VP8, lambda: None)
    decoder.track = track
    tasks = coded_pictures(MAX_CODED["video"], every=1)
    for task in tasks:
        decoder.put(task)
    decoder.end()
    for thread in threading.enumerate():
        if thread.name == "decoding video":
            await asyncio.to_thread(thread.join, 20)
    await asyncio.sleep(0)  # what the thread told the loop
    assert track._queue.qsize() == MAX_DECODED["video"] + 1  # and the end
    stamps = [track._queue.get_nowait().pts for _ in range(MAX_DECODED["video"])]
    assert stamps == [task.timestamp for task in tasks[-MAX_DECODED["video"] :]]


async def test_lost_sound_is_made_up_and_fades() -> None:
    """By the Opus decoder itself: as long as what was lost, like it at first, and without a click."""
    encoder = aiortc.codecs.get_encoder(OPUS)
    packets: list[bytes] = []
    for index in range(50):
        times = (np.arange(960) + index * 960) / 48_000
        samples = (10_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
        packets += encoder.encode(frame)[0]
    track = RemoteStreamTrack("audio")
    decoder = Decoder("audio", OPUS, lambda: None)
    decoder.track = track
    for index, data in enumerate(packets[:20]):
        decoder.put(Task(OPUS, data, index * 960))
    for index in range(20, 40):
        decoder.put(Task(OPUS, lost_packet(packets[19]), index * 960))
    decoder.end()
    frames = []
    async with asyncio.timeout(20):
        while (decoded := await track._queue.get()) is not None:
            frames.append(decoded.to_ndarray().reshape(-1, 2)[:, 0].astype(float))
    assert [len(frame) for frame in frames] == [960] * 40
    loudness = [float(np.sqrt(np.mean(np.square(frame)))) for frame in frames]
    assert loudness[20] > 0.5 * loudness[19]
    assert loudness[39] < 0.2 * loudness[19]
    sound = np.concatenate(frames)
    steps = np.abs(np.diff(sound))
    assert steps[19 * 960 :].max() < 1.5 * steps[10 * 960 : 19 * 960].max()  # a click is a step
