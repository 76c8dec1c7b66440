"""Files as a source: any file that people have, in sync and in real time, and nothing left behind."""

import asyncio
import gc
import itertools
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from aiortc import MediaStreamError
from mediafiles import make_file, strongest_frequency, tone
from noting import Notes
from playing import BOTH, check_pictures, check_sync, counters, heard, open_it, read

from peer.media.base.source import SourceRequest
from peer.media.sources.film.file import open_file


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


async def test_size_and_rate_are_limits(film: Path) -> None:
    source = await open_it(film, size=(160, 160), fps=10.0)
    video, audio = source.open_tracks()
    pictures, _ = await asyncio.gather(read(video), read(audio))
    await source.close()
    assert {(frame.width, frame.height) for _, frame in pictures} == {(160, 120)}
    assert 10 < len(pictures) <= 16


@pytest.fixture
def body(film: Path) -> bytes:
    return film.read_bytes()


async def test_a_url_is_played_like_a_file(body: bytes) -> None:

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
    path = make_file(tmp_path / "long.mkv", seconds=2, size=(1280, 720), sound=tone(2))
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
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("decoding")] == []
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
