"""Capturing from a device. libavdevice's own `lavfi` stands in for hardware: a real input of the same library."""

import asyncio
import itertools
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from aiortc import MediaStreamError
from mediafiles import flash_and_beep, make_file, strongest_frequency
from noting import Notes

from peer.errors import MediaError
from peer.media.base.pictures import planes
from peer.media.sources.devices import capture, standin
from peer.media.sources.devices.capture import DeviceSource
from peer.media.sources.devices.devices import Device, Opening
from peer.media.sources.devices.probing import Found, find
from peer.media.sources.devices.standin import StandIn
from peer.media.sources.drawn.testpattern import read_test_picture

CAMERA = Device("video", "lavfi", [Opening("testsrc2=size=322x240:rate=50,format=yuv444p,realtime", "lavfi")])
MICROPHONE = Device("audio", "lavfi", [Opening("sine=frequency=440:sample_rate=44100,arealtime", "lavfi")])


def captures() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("capturing")]


@pytest.fixture
async def camera(notes: Notes) -> DeviceSource:
    return DeviceSource(await find([CAMERA]), notes.append, linger=0.3)


async def test_pictures_arrive_as_they_are_captured(camera: DeviceSource, notes: Notes) -> None:
    assert (camera.label, camera.kinds) == ("camera lavfi 322x240 50 fps", {"video"})
    (track,) = camera.open_tracks()
    frames = [await track.recv() for _ in range(20)]
    assert {(f.format.name, f.width, f.height, f.time_base.denominator) for f in frames} == {
        ("yuv420p", 322, 240, 90000)
    }
    steps = [later.time - earlier.time for earlier, later in itertools.pairwise(frames)]
    assert min(steps) > 0
    assert np.median(steps) == pytest.approx(0.02, abs=0.015)
    assert (planes(frames[0])[0] != planes(frames[-1])[0]).any()
    await camera.close()
    assert captures() == []
    assert notes == []


async def test_a_slow_call_gets_the_newest_picture(camera: DeviceSource) -> None:
    (track,) = camera.open_tracks()
    for _ in range(3):
        before = await track.recv()
        await asyncio.sleep(0.3)  # a slow encoder
        after = await track.recv()
        assert after.time - before.time > 0.2
    await camera.close()


async def test_a_blocked_event_loop_piles_nothing_up(camera: DeviceSource) -> None:
    (track,) = camera.open_tracks()
    before = await track.recv()
    time.sleep(0.4)  # noqa: ASYNC251 what is tested is a blocked event loop
    await track.recv()  # may have been there before
    newest = [await track.recv() for _ in range(2)]
    assert newest[-1].time - before.time > 0.3
    await camera.close()


async def test_sound_is_cut_into_blocks_of_48_khz(notes: Notes) -> None:
    source = DeviceSource(await find([MICROPHONE]), notes.append)
    assert (source.label, source.kinds) == ("microphone lavfi", {"audio"})
    (track,) = source.open_tracks()
    frames = [await track.recv() for _ in range(40)]
    await source.close()
    assert {(f.format.name, f.layout.name, f.sample_rate, f.samples) for f in frames} == {("s16", "stereo", 48000, 960)}
    steps = {later.pts - earlier.pts for earlier, later in itertools.pairwise(frames)}
    assert all(step >= 960 for step in steps)
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames])
    assert strongest_frequency(sound, 48000) == pytest.approx(440, abs=10)


async def test_successive_calls_share_the_device_and_it_is_released_in_the_end(camera: DeviceSource) -> None:
    (first,) = camera.open_tracks()
    await first.recv()
    (thread,) = captures()
    first.stop()
    (second,) = camera.open_tracks()
    (third,) = camera.open_tracks()
    await asyncio.gather(second.recv(), third.recv())
    assert captures() == [thread]
    with pytest.raises(MediaStreamError):
        await first.recv()
    second.stop()
    third.stop()
    await asyncio.to_thread(thread.join, 10)
    assert captures() == []
    (fourth,) = camera.open_tracks()  # and taken again
    await fourth.recv()
    await camera.close()
    await camera.close()
    assert captures() == []


async def test_a_reader_that_waits_is_released_when_its_track_stops(camera: DeviceSource) -> None:
    (track,) = camera.open_tracks()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)  # let it wait
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    await camera.close()


async def test_a_device_that_is_lost_is_taken_back_when_it_returns(tmp_path: Path, notes: Notes) -> None:
    """A file takes the part of the device: it ends, is gone, and comes back."""
    path = make_file(tmp_path / "device.mkv", seconds=0.2)
    device = Device("video", "device.mkv", [Opening(str(path), "matroska")])
    source = DeviceSource(await find([device]), notes.append)
    (track,) = source.open_tracks()
    assert read_test_picture(planes(await track.recv())[0])
    path.rename(tmp_path / "away.mkv")
    await notes.wait(1)
    frames = [await track.recv() for _ in range(16)]
    (tmp_path / "away.mkv").rename(path)
    await notes.wait(2)
    await source.close()
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    still = [planes(frame)[0].tobytes() for frame in frames][-3:]
    assert len(set(still)) == 1, "the last picture goes on"
    assert notes[0].startswith("camera device.mkv ")
    assert notes[0].endswith("The call goes on without it until it is back")
    assert notes[1] == "camera device.mkv is back"


async def test_the_first_device_that_works_is_found() -> None:
    broken = Device("video", "/dev/video99", [Opening("/dev/video99", "v4l2")])
    stubborn = Device("video", "lavfi", [Opening("nosuchfilter", "lavfi"), *CAMERA.openings])
    found = await find([broken, stubborn])
    assert found == Found(stubborn, CAMERA.openings[0], "322x240 50 fps", (322, 240))


async def test_a_device_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A pipe that nobody writes to hangs in the same call as a driver that does not answer."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    try:
        with pytest.raises(MediaError, match=r"^camera stuck gives nothing \(unplug it and plug it in again\)$"):
            await find([Device("video", "stuck", [Opening(str(pipe), "matroska")])], patience=0.3)
    finally:
        os.close(os.open(pipe, os.O_WRONLY))  # lets the thread go


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        (Device("video", "/dev/video99", [Opening("/dev/video99", "v4l2")]), "is not there (is it plugged in?)"),
        (Device("video", "/dev/null", [Opening("/dev/null", "v4l2")]), "is not such a device (check the name)"),
        (Device("video", "/tmp", [Opening("/tmp", "v4l2")]), "is not such a device (check the name)"),
    ],
)
async def test_what_is_wrong_with_a_device_is_told(device: Device, problem: str) -> None:
    with pytest.raises(MediaError) as caught:
        await find([device])
    assert str(caught.value) == f"{device.label} {problem}"


async def test_silence_goes_out_for_a_microphone_that_is_lost(tmp_path: Path, notes: Notes) -> None:
    path = make_file(tmp_path / "device.mkv", seconds=0.3, sound=flash_and_beep([0.1], 0.3))
    sound = tmp_path / "sound.mkv"
    with av.open(str(path)) as film, av.open(str(sound), "w") as only:  # a device gives one stream
        stream = only.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(film.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                only.mux(packet)
    device = Device("audio", "sound.mkv", [Opening(str(sound), "matroska")])
    source = DeviceSource(await find([device]), notes.append)
    (track,) = source.open_tracks()
    await track.recv()
    sound.unlink()
    await notes.wait(1)
    frames = [await track.recv() for _ in range(40)]
    await source.close()
    assert all(later.pts - earlier.pts >= 960 for earlier, later in itertools.pairwise(frames))
    silent = frames[-20:]
    assert not any(frame.to_ndarray().any() for frame in silent)
    assert {later.pts - earlier.pts for earlier, later in itertools.pairwise(silent)} == {960}


async def test_a_device_that_never_gave_anything_is_black() -> None:
    given: list[av.VideoFrame] = []
    arrived = asyncio.Event()

    def put(frame: av.VideoFrame) -> None:
        given.append(frame)
        arrived.set()

    stand_in = StandIn("video", (320, 180), time.monotonic(), put, lambda: None)
    stand_in.start()
    await asyncio.wait_for(arrived.wait(), 10)
    stand_in.stop()
    assert (given[0].width, given[0].height) == (320, 180)
    assert planes(given[0])[0].max() == 16


async def test_a_device_that_hangs_in_a_call_is_told_once(
    tmp_path: Path, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes to hangs in the same call as a driver that does not answer."""
    monkeypatch.setattr(standin, "HANGS", 0.5)
    monkeypatch.setattr(capture, "HANGS", 0.5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    opening = Opening(str(pipe), "matroska")
    source = DeviceSource(Found(Device("video", "stuck", [opening]), opening, ""), notes.append)
    (track,) = source.open_tracks()
    for _ in range(4):
        await track.recv()
    assert notes == ["camera stuck gives nothing. The call goes on without it until it is back"]
    os.close(os.open(pipe, os.O_WRONLY))  # lets the thread go
    await source.close()


def test_sound_of_a_card_with_a_wrong_clock_keeps_the_machines_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that runs 500 ppm fast: uncorrected, it would be 60 ms ahead after two minutes."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(capture, "time", SimpleNamespace(monotonic=lambda: clock.now))
    sounds = capture._Sounds(begin=100.0)
    piece = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1024), np.int16), format="s16", layout="stereo")
    piece.sample_rate = 48000
    ahead = 0.0
    for _ in range(120 * 48000 // 1024):
        clock.now += 1024 / 48000 / (1 + 500e-6)
        for block in sounds.convert(piece):
            ahead = block.time + 0.02 - (clock.now - 100.0)
    assert -0.04 < ahead < 0.01


async def test_a_broken_picture_is_left_out_and_the_camera_kept(tmp_path: Path, notes: Notes) -> None:
    """As USB cameras give with MJPEG, which is why the stream's pictures are spoilt one by one here."""
    path = tmp_path / "device.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for number in range(10):
            picture = av.VideoFrame(320, 240, "yuvj420p")
            picture.pts = number
            for packet in stream.encode(picture):
                if number in (3, 6):
                    broken = av.Packet(b"no picture at all")
                    broken.stream, broken.time_base = packet.stream, packet.time_base
                    broken.pts, broken.dts = packet.pts, packet.dts
                    file.mux(broken)
                else:
                    file.mux(packet)
    device = Device("video", "device.mkv", [Opening(str(path), "matroska")])
    source = DeviceSource(await find([device]), notes.append)
    (track,) = source.open_tracks()
    given = source._capture
    assert given is not None
    count = sum(1 for _ in given._frames())
    assert count == 8
    await track.recv()
    await source.close()
