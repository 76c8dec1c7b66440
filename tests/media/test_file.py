"""Files as a source: any file that people have, in sync and in real time, and nothing left behind."""

import asyncio
import gc
import itertools
import struct
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from aiortc import MediaStreamError, MediaStreamTrack
from mediafiles import flash_and_beep, make_file, strongest_frequency, tone
from noting import Notes

from peer.errors import MediaError
from peer.media.file import FileSource, open_file
from peer.media.film import shown
from peer.media.pictures import planes
from peer.media.source import SourceRequest
from peer.media.testpattern import read_test_picture

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


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    beeps = flash_and_beep([0.5, 1.0], 1.5)
    return make_file(tmp_path_factory.mktemp("film") / "film.mp4", seconds=1.5, sound=beeps)


async def test_a_film_is_played_in_real_time_and_in_sync_then_ends(film: Path) -> None:
    source = await open_it(film)
    assert (source.label, source.kinds) == ("film.mp4", BOTH)
    video, audio = source.open_tracks()
    begin = time.monotonic()
    pictures, sounds = await asyncio.gather(read(video), read(audio))
    assert time.monotonic() - begin > 1.4
    assert video.readyState == audio.readyState == "ended"
    check_pictures(pictures, 30, 45)
    assert {(f.format.name, f.width, f.height, f.time_base) for _, f in pictures} == {
        ("yuv420p", 320, 240, Fraction(1, 90000))
    }
    assert {(f.format.name, f.layout.name, f.sample_rate, f.samples) for _, f in sounds} == {
        ("s16", "stereo", 48000, 960)
    }
    assert all(frame.pts % 960 == 0 for _, frame in sounds)
    check_sync(pictures, sounds, beep=15)
    # Both tracks follow one clock: what has the same timestamp is given at the same moment.
    lead = np.median([moment - frame.time for moment, frame in pictures]) - np.median(
        [moment - frame.time for moment, frame in sounds]
    )
    assert abs(lead) < 0.03
    await source.close()


async def test_each_call_starts_at_the_beginning(film: Path) -> None:
    source = await open_it(film)
    for _ in range(2):
        video, audio = source.open_tracks()
        assert counters(await read(video, 3))[0] == 0
        video.stop()
        audio.stop()
    await source.close()


async def test_a_loop_goes_on_without_a_gap_in_its_timestamps(film: Path) -> None:
    source = await open_it(film, loop=True)
    video, audio = source.open_tracks()
    pictures, sounds = await asyncio.gather(read(video, 100), read(audio, 160))
    await source.close()
    # In each round the picture's time is its number's and what the rounds before have taken.
    behind = np.array(
        [frame.time - counter / 30 for (_, frame), counter in zip(pictures, counters(pictures), strict=True)]
    )
    rounds = np.r_[0, np.cumsum(np.diff(counters(pictures)) < 0)]
    assert rounds[-1] >= 2
    for number in range(2):
        assert np.median(behind[rounds == number + 1]) - np.median(behind[rounds == number]) == pytest.approx(
            1.5, abs=0.1
        )
    steps = np.diff([frame.time for _, frame in sounds])
    assert steps.min() > 0.015
    assert np.median(steps) == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_film_with_one_kind_gives_that(kind: str, tmp_path: Path) -> None:
    if kind == "video":
        path = make_file(tmp_path / "silent.mkv", seconds=0.5)
    else:
        path = make_file(tmp_path / "song.wav", size=None, sound=tone(0.5), codecs=("", "pcm_s16le"))
    source = await open_it(path)
    (track,) = source.open_tracks()
    frames = await read(track)
    assert (track.kind, source.kinds) == (kind, {kind})
    if kind == "video":
        check_pictures(frames, 30, 15)
    else:
        assert strongest_frequency(heard(frames), 48000) == pytest.approx(440, abs=3)
    await source.close()


async def test_one_kind_of_a_film_may_be_taken_and_the_other_left(film: Path) -> None:
    source = await open_it(film, "video", only=True)
    (track,) = source.open_tracks()
    check_pictures(await read(track), 30, 45)
    await source.close()


@pytest.mark.parametrize("ignored", ["video", "audio"])
async def test_a_track_that_nobody_reads_does_not_hold_up_the_other(ignored: str, film: Path) -> None:
    source = await open_it(film, loop=True)
    tracks = {track.kind: track for track in source.open_tracks()}
    played = tracks["audio" if ignored == "video" else "video"]
    frames = await read(played, 120)
    assert frames[-1][1].time > 2
    await source.close()


@pytest.mark.parametrize(
    ("fps", "size", "pixels", "codec", "suffix"),
    [
        (Fraction(24000, 1001), (320, 240), "yuv420p", "libx264", ".mkv"),
        (15, (321, 241), "yuv444p", "libx264", ".mkv"),
        (25, (320, 240), "yuv420p10le", "libx264", ".mp4"),
        (30, (320, 240), "yuvj420p", "mjpeg", ".avi"),
        (12, (322, 242), "rgb24", "rawvideo", ".avi"),
        (50, (320, 240), "yuv422p", "mpeg2video", ".ts"),
        (30, (320, 240), "yuv420p", "libvpx", ".webm"),
    ],
)
async def test_pictures_of_every_sort_become_even_yuv420p(
    fps: Fraction | int, size: tuple[int, int], pixels: str, codec: str, suffix: str, tmp_path: Path
) -> None:
    path = make_file(tmp_path / f"odd{suffix}", seconds=1, fps=fps, size=size, pixels=pixels, codecs=(codec, ""))
    source = await open_it(path)
    (track,) = source.open_tracks()
    frames = await read(track)
    await source.close()
    check_pictures(frames, fps, round(fps))
    _, first = frames[0]
    assert first.format.name == "yuv420p"
    assert (first.width % 2, first.height % 2) == (0, 0)
    assert abs(first.width - size[0]) <= 1
    assert abs(first.height - size[1]) <= 1
    luma = planes(first)[0]
    assert luma[2, :8].mean() == pytest.approx(16, abs=6)  # black and white stay in the limited range
    assert np.percentile(luma, 98) == pytest.approx(235, abs=8)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
async def test_sound_of_every_rate_becomes_48_khz(rate: int, tmp_path: Path) -> None:
    path = make_file(tmp_path / "tone.wav", size=None, sound=tone(1, rate), rate=rate, codecs=("", "pcm_s16le"))
    source = await open_it(path)
    (track,) = source.open_tracks()
    frames = await read(track)
    await source.close()
    assert {frame.samples for _, frame in frames} == {960}
    assert len(frames) in (50, 51)
    assert strongest_frequency(heard(frames), 48000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
async def test_a_film_whose_clock_does_not_start_at_zero_starts_at_once(suffix: str, tmp_path: Path) -> None:
    beeps = flash_and_beep([0.4], 1.0)
    path = make_file(tmp_path / f"late{suffix}", seconds=1, sound=beeps, first=1000)
    source = await open_it(path)
    video, audio = source.open_tracks()
    begin = time.monotonic()
    pictures, sounds = await asyncio.gather(read(video), read(audio))
    await source.close()
    assert time.monotonic() - begin < 20  # not the 1000 s that the file's clock begins with
    check_pictures(pictures, 30, 30)
    check_sync(pictures, sounds, beep=12)


@pytest.mark.parametrize(("degrees", "size"), [(90, (240, 320)), (180, (320, 240)), (270, (240, 320))])
async def test_a_film_from_a_phone_stands_upright(degrees: int, size: tuple[int, int], tmp_path: Path) -> None:
    path = make_file(tmp_path / "phone.mp4", seconds=0.2)
    turn_header(path, degrees)
    source = await open_it(path)
    (track,) = source.open_tracks()
    frame = await track.recv()
    await source.close()
    assert (frame.width, frame.height) == size
    # The header says by how much a player turns the stored picture clockwise; turned back, it can be read.
    back = np.rot90(planes(frame)[0], degrees // 90)
    reading = read_test_picture(back)
    assert reading is not None
    assert reading.counter == 0


def turn_header(path: Path, degrees: int) -> None:
    """Write a rotation into the track header of an MP4 file (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    matrix = struct.pack(">9i", cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    header = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[header : header + 36] = matrix
    path.write_bytes(data)


async def test_wide_pixels_become_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 360, 288, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        frame = av.VideoFrame(360, 288, "yuv420p")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    source = await open_it(path)
    (track,) = source.open_tracks()
    frame = await track.recv()
    await source.close()
    assert (frame.width, frame.height) == (524, 288)


async def test_size_and_rate_are_limits(film: Path) -> None:
    source = await open_it(film, size=(160, 160), fps=10.0)
    video, audio = source.open_tracks()
    pictures, _ = await asyncio.gather(read(video), read(audio))
    await source.close()
    assert {(frame.width, frame.height) for _, frame in pictures} == {(160, 120)}
    assert 10 < len(pictures) <= 16


async def test_a_photograph_is_shown_on_and_on(tmp_path: Path) -> None:
    picture = av.VideoFrame(64, 64, "rgb24")
    picture.save(str(tmp_path / "photo.png"))
    source = await open_it(tmp_path / "photo.png")
    (track,) = source.open_tracks()
    assert len(await read(track, 10)) == 10
    await source.close()


@pytest.mark.parametrize("name", ["a:b.mkv", "50%d.mkv", "übung 1.mkv"])
async def test_any_name_will_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_file(tmp_path / "plain.mkv", seconds=0.1).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    source = await open_it(name)
    (track,) = source.open_tracks()
    assert len(await read(track)) == 3
    await source.close()


async def test_a_url_is_played_like_a_file(film: Path) -> None:
    body = whole(film)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        source = await open_it(f"http://127.0.0.1:{port}/film.mp4")
        video, audio = source.open_tracks()
        pictures, _ = await asyncio.gather(read(video), read(audio))
        check_pictures(pictures, 30, 45)
        await source.close()


def whole(path: Path) -> bytearray:
    return bytearray(path.read_bytes())


@pytest.fixture
def bad_files(tmp_path: Path, film: Path) -> Path:
    (tmp_path / "text.txt").write_text("hello\n" * 100)
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "titles.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhi\n\n")
    data = whole(film)
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    begin, end = data.index(b"mdat") + 8, data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    (tmp_path / "zeros.mp4").write_bytes(data)
    return tmp_path


async def test_bad_files_are_refused_in_one_line(bad_files: Path) -> None:
    for name, reason in [
        ("nowhere.mp4", "no such file or directory; check the name"),
        (".", "is a directory; check the name"),
        ("text.txt", "it is a text; give a video or sound file"),
        ("text.mp4", "it is no video or sound file, or it is damaged"),
        ("noise.mp4", "it is no video or sound file, or it is damaged"),
        ("empty.mp4", "it is no video or sound file, or it is damaged"),
        ("titles.srt", "there is neither picture nor sound in it"),
        ("cut.mp4", "it is no video or sound file, or it is damaged"),
        ("zeros.mp4", "nothing in it can be decoded; is it damaged?"),
    ]:
        with pytest.raises(MediaError) as caught:
            await open_it(bad_files / name)
        assert str(caught.value).startswith(f"can't play {bad_files / name}: ")
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


async def test_a_kind_that_the_film_lacks_is_an_error(tmp_path: Path) -> None:
    path = make_file(tmp_path / "silent.mkv", seconds=0.2)
    with pytest.raises(MediaError, match="for its sound: there is none in it; choose another file"):
        await open_it(path, "audio")


@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1:1/film.mp4?key=secret", "nonsense://there/film"])
async def test_a_bad_url_is_refused_without_telling_its_secrets(url: str) -> None:
    with pytest.raises(MediaError) as caught:
        await open_it(url)
    assert "secret" not in str(caught.value)
    assert shown(url) in str(caught.value)


async def test_a_file_that_is_cut_off_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_file(tmp_path / "whole.mkv", seconds=1, sound=tone(1))
    (tmp_path / "part.mkv").write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = await open_it(tmp_path / "part.mkv")
    video, audio = source.open_tracks()
    pictures, _ = await asyncio.gather(read(video), read(audio))
    await source.close()
    assert 5 < len(pictures) < 30
    assert video.readyState == "ended"


async def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = make_file(tmp_path / "whole.ts", seconds=1, sound=tone(1), options={}, codecs=("mpeg2video", "mp2"))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    (tmp_path / "hurt.ts").write_bytes(data)
    source = await open_it(tmp_path / "hurt.ts")
    video, audio = source.open_tracks()
    pictures, sounds = await asyncio.gather(read(video), read(audio))
    await source.close()
    assert pictures[-1][1].time > 0.9
    assert sounds[-1][1].time > 0.8


async def test_a_file_that_vanishes_while_it_is_looped_ends_with_a_note(tmp_path: Path, notes: Notes) -> None:
    path = make_file(tmp_path / "short.mkv", seconds=0.3)
    source = await open_file(str(path), frozenset({"video"}), SourceRequest(loop=True), notes.append)
    (track,) = source.open_tracks()
    await track.recv()
    path.unlink()
    await read(track)
    await notes.wait(1)
    assert notes == [f"can't play {path}: no such file or directory; check the name and that it can be read"]
    await source.close()


async def test_memory_stays_bounded_while_nobody_reads(tmp_path: Path) -> None:
    path = make_file(tmp_path / "long.mkv", seconds=20, size=(1280, 720), sound=tone(20))
    source = await open_it(path, loop=True)
    process = psutil.Process()
    tracks = source.open_tracks()
    await tracks[0].recv()
    before = process.memory_info().rss
    await asyncio.sleep(1)  # long enough to decode hundreds of frames of 1.4 MB, were there no bound
    assert process.memory_info().rss - before < 80 << 20
    await source.close()


async def test_nothing_is_left_behind(film: Path) -> None:
    async def use(recv: int, stop: bool) -> None:
        source = await open_it(film, loop=True)
        for _ in range(2):
            tracks = source.open_tracks()
            for track in tracks:
                await read(track, recv)
                if stop:
                    track.stop()
        await source.close()
        for track in tracks:
            with pytest.raises(MediaStreamError):
                await track.recv()

    await use(1, stop=True)
    gc.collect()
    files = psutil.Process().num_fds()
    for recv, stop in itertools.product((0, 5), (False, True)):
        await use(recv, stop)
    gc.collect()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("decode")] == []
    assert psutil.Process().num_fds() == files


async def test_a_reader_that_waits_is_released_when_its_track_stops(film: Path) -> None:
    source = await open_it(film)
    video, audio = source.open_tracks()
    await video.recv()
    waiting = asyncio.create_task(video.recv())
    await asyncio.sleep(0)  # let it wait for the second picture
    video.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    audio.stop()
    await source.close()
