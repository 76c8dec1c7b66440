"""From the values of --video and --audio to sources: which, and what people are told."""

import asyncio
import threading
from pathlib import Path

import pytest
from mediafiles import make_file, tone

from peer.errors import MediaError
from peer.media.base.source import Source, SourceRequest
from peer.media.sinks.opening import SinkRequest, open_sinks
from peer.media.sinks.recording.recorder import Recorder
from peer.media.sources import opening
from peer.media.sources.devices.devices import Device, Opening
from peer.media.sources.opening import open_sources

CAMERA = Device("video", "lavfi", [Opening("testsrc2=size=320x240:rate=30,realtime", "lavfi")])
MICROPHONE = Device("audio", "lavfi", [Opening("sine=sample_rate=48000,arealtime", "lavfi")])


def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    nothing = Device("audio", "default", [Opening("/dev/nothing", "v4l2")])
    monkeypatch.setattr(opening, "cameras", lambda *_: [])
    monkeypatch.setattr(opening, "microphones", lambda *_: [nothing])


async def opened(notes: list[str], **wanted: object) -> list[tuple[str, set[str]]]:
    sources: list[Source] = await open_sources(SourceRequest(**wanted), notes.append)  # type: ignore[arg-type]
    for source in sources:
        for track in source.open_tracks():
            await track.recv()
    labels = [(source.label, set(source.kinds)) for source in sources]
    for source in sources:
        await source.close()
    return labels


async def test_auto_takes_the_devices_when_they_open(notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "cameras", lambda *_: [CAMERA])
    monkeypatch.setattr(opening, "microphones", lambda *_: [MICROPHONE])
    assert await opened(notes) == [("camera lavfi 320x240 30 fps", {"video"}), ("microphone lavfi", {"audio"})]
    assert notes == []


async def test_auto_falls_back_to_the_test_source_and_says_why(
    notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_devices(monkeypatch)
    assert await opened(notes) == [("test picture 1280x720 30 fps and tone", {"audio", "video"})]
    assert sorted(notes) == [
        "microphone default is not there (is it plugged in?): sending a test tone",
        "no camera is connected: sending the test picture",
    ]


async def test_nothing_and_the_test_source_can_be_asked_for(notes: list[str]) -> None:
    assert await opened(notes, video="none", audio="none") == []
    assert await opened(notes, video="test", audio="none", size=(640, 480), fps=15.0) == [
        ("test picture 640x480 15 fps", {"video"})
    ]
    assert await opened(notes, video="none", audio="test") == [("tone", {"audio"})]
    assert await opened(notes, video="test", audio="test") == [
        ("test picture 1280x720 30 fps and tone", {"audio", "video"})
    ]
    assert notes == []


async def test_a_film_brings_its_own_sound(tmp_path: Path, notes: list[str]) -> None:
    film = make_file(tmp_path / "film.mkv", seconds=0.5, sound=tone(0.5))
    for audio in ("auto", str(film)):
        assert await opened(notes, video=str(film), audio=audio) == [("film.mkv", {"audio", "video"})]
    assert await opened(notes, video=str(film), audio="none") == [("film.mkv", {"video"})]
    assert await opened(notes, video="none", audio=str(film)) == [("film.mkv", {"audio"})]
    assert await opened(notes, video=str(film), audio="test") == [("film.mkv", {"video"}), ("tone", {"audio"})]
    assert notes == []


async def test_a_silent_film_is_sent_without_sound(tmp_path: Path, notes: list[str]) -> None:
    film = make_file(tmp_path / "silent.mkv", seconds=0.5)
    assert await opened(notes, video=str(film)) == [("silent.mkv", {"video"})]
    assert notes == ["there is no sound in silent.mkv: sending none"]
    with pytest.raises(MediaError, match="for its sound: there is none in it"):
        await opened(notes, video=str(film), audio=str(film))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"video": "/dev/video99"},
            "camera /dev/video99 is not there (is it plugged in?); choose another source, or test",
        ),
        (
            {"video": "camera:99"},
            "camera /dev/video99 is not there (is it plugged in?); choose another source, or test",
        ),
        ({"video": "camera:Nosuch"}, "no camera named Nosuch is connected; choose another source, or test"),
        (
            {"audio": "mic:hw:31"},
            "microphone hw:31 can't be opened (is there a sound card?); choose another source, or test",
        ),
        (
            {"video": "nofile.mp4"},
            "can't play nofile.mp4: no such file or directory; check the name and that it can be read",
        ),
    ],
)
async def test_what_cannot_be_opened_is_one_line_and_releases_the_rest(
    wanted: dict[str, str], message: str, notes: list[str]
) -> None:
    before = threading.active_count()
    with pytest.raises(MediaError) as caught:
        await opened(notes, **{"video": "test", "audio": "test"} | wanted)
    assert str(caught.value) == message
    assert threading.active_count() <= before + 1  # at most a worker of asyncio.to_thread stays


async def test_sinks_are_opened_as_asked(tmp_path: Path, notes: list[str]) -> None:
    assert await open_sinks(SinkRequest(), notes.append) == []
    (sink,) = await open_sinks(SinkRequest(record=tmp_path / "a.mp4"), notes.append)
    assert isinstance(sink, Recorder)
    await sink.close()
    with pytest.raises(MediaError):
        await open_sinks(SinkRequest(record=tmp_path / "a.avi"), notes.append)


async def test_what_was_opened_is_closed_when_the_next_cannot_be(
    tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    monkeypatch.setattr(Recorder, "close", lambda self: asyncio.to_thread(closed.append, self))
    with pytest.raises(MediaError, match="can't open the speaker nowhere: "):
        await open_sinks(SinkRequest(record=tmp_path / "a.mp4", play="nowhere"), notes.append)
    assert len(closed) == 1
