"""The pump hands every frame to every sink, and nothing that a sink or a track does stops the others."""

import asyncio

import av
import pytest
from aiortc import MediaStreamError, MediaStreamTrack

from peer.background import telling
from peer.media.base.frames import FrameSink
from peer.media.sinks.pump import Pump
from peer.media.sources.drawn.testsource import TestSource


class Counting:
    """Counts what a sink gets, and raises on demand: no real sink fails when a test wants it to."""

    def __init__(self, fail_on: str = "") -> None:
        self.seen: list[str] = []
        self._fail_on = fail_on
        self.enough = asyncio.Event()

    def _see(self, what: str) -> None:
        self.seen.append(what)
        if {"video", "audio"} <= set(self.seen):
            self.enough.set()
        if what == self._fail_on:
            raise RuntimeError("no more room")

    def begin_call(self, kinds: frozenset[str]) -> None:
        self._see("begin " + " ".join(sorted(kinds)))

    def on_video(self, frame: av.VideoFrame) -> None:
        self._see("video")

    def on_audio(self, frame: av.AudioFrame) -> None:
        self._see("audio")

    def end_call(self) -> None:
        self._see("end")

    async def close(self) -> None:
        pass


class BrokenTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def recv(self) -> av.VideoFrame:
        raise self._error


async def test_every_sink_gets_every_frame_between_begin_and_end(notes: list[str]) -> None:
    source = TestSource({"video", "audio"}, (64, 64), 50)
    sinks = [Counting(), Counting()]
    pump = Pump(sinks, notes.append)
    pump.start(source.open_tracks())
    await sinks[0].enough.wait()
    await pump.stop()
    await pump.stop()
    await source.close()
    assert sinks[0].seen == sinks[1].seen
    assert sinks[0].seen[0] == "begin audio video"
    assert sinks[0].seen[-1] == "end"
    assert sinks[0].seen.count("end") == 1
    assert notes == []


@pytest.mark.parametrize("moment", ["begin audio video", "video", "audio", "end"])
async def test_a_failing_sink_is_reported_once_and_the_others_go_on(moment: str, notes: list[str]) -> None:
    source = TestSource({"video", "audio"}, (64, 64), 50)
    bad, good = Counting(fail_on=moment), Counting()
    pump = Pump([bad, good], notes.append)
    pump.start(source.open_tracks())
    await good.enough.wait()
    await pump.stop()
    await source.close()
    assert notes == ["Counting failed and is off for this call: no more room"]
    assert bad.seen.count(moment) == 1
    assert good.seen[-1] == "end"


async def test_a_track_that_ends_does_not_end_the_other(notes: list[str]) -> None:
    source = TestSource({"audio"})
    sink = FrameSink()
    frames = sink.audio_frames()
    pump = Pump([sink], notes.append)
    pump.start([BrokenTrack(MediaStreamError()), *source.open_tracks()])
    for _ in range(3):
        assert (await anext(frames)).samples == 960
    await pump.stop()
    await source.close()


async def test_a_defect_in_a_track_is_not_hidden(notes: list[str]) -> None:
    told: list[tuple[str, Exception]] = []
    sink = Counting()
    pump = Pump([sink], notes.append)
    with telling(lambda name, error: told.append((name, error))):
        pump.start([BrokenTrack(defect := ZeroDivisionError())])
    for _ in range(3):
        await asyncio.sleep(0)  # the task meets it, its end is heard of, and then told
    assert told == [("handing on video", defect)]
    await pump.stop()
    assert sink.seen == ["begin video", "end"]
