"""What is recorded can be played, shows what was sent, in sync, and is there even after a crash."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from mediafiles import Contents, examine, flash_and_beep, tone
from noting import Notes

from peer.errors import MediaError
from peer.media.base.sound import block_frame
from peer.media.sinks.pump import Pump
from peer.media.sinks.recording.recorder import Recorder
from peer.media.sinks.recording.recording import Recording
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, TestPicture
from peer.media.sources.drawn.testsource import TestSource

SUFFIXES = [".mp4", ".mkv", ".webm"]
BOTH = frozenset({"audio", "video"})


def picture(number: int, size: tuple[int, int] = (640, 360), fps: int = 30) -> av.VideoFrame:
    frame = TestPicture(*size).draw(number, number / fps)
    frame.pts, frame.time_base = number * (90000 // fps), Fraction(1, 90000)
    return frame


def sound(samples: np.ndarray, pts: int = 0) -> av.AudioFrame:
    stereo = np.stack([samples, samples], axis=1)
    frame = block_frame((stereo * 32767).astype(np.int16))
    frame.pts, frame.time_base = pts, Fraction(1, 48000)
    return frame


def blocks(samples: np.ndarray) -> np.ndarray:
    """As a recording takes them: blocks of 20 ms, two channels, s16."""
    return (np.stack([samples, samples], axis=1) * 32767).astype(np.int16).reshape(-1, 960, 2)


async def record_call(recorder: Recorder, seconds: float, kinds: frozenset[str] = BOTH) -> None:
    source = TestSource(kinds, (640, 360), 30)
    pump = Pump([recorder], pytest.fail)
    pump.start(source.open_tracks())
    await asyncio.sleep(seconds)  # what is recorded is time
    await pump.stop()
    await source.close()


def check_call(contents: Contents, seconds: float) -> None:
    counters = [counter for _, counter in contents.counters]
    assert len(counters) == len(contents.pictures)
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    assert contents.counters[-1][0] - contents.counters[0][0] == pytest.approx(seconds, abs=0.3)
    assert contents.frequency() == pytest.approx(TEST_TONE_HZ, abs=2)
    assert sum(end - start for start, end in contents.loud()) > seconds * 0.7
    assert len(contents.sound) / contents.rate == pytest.approx(seconds, abs=0.3)


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_both_tracks_of_a_call_are_in_the_file(suffix: str, tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / f"call{suffix}", notify=notes.append)
    await record_call(recorder, 2)
    await recorder.close()
    await recorder.close()
    assert recorder.files == [tmp_path / f"call{suffix}"]
    contents = examine(recorder.files[0])
    check_call(contents, 2)
    assert contents.sizes == {(640, 360)}
    assert contents.codecs == (
        {"video": "vp8", "audio": "opus"} if suffix == ".webm" else {"video": "h264", "audio": "aac"}
    ) or contents.codecs == {"video": "libvpx", "audio": "libopus"}
    assert notes == []


async def test_each_call_gets_its_own_file_and_none_is_overwritten(tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "call-2.mp4").write_text("mine")
    recorder = Recorder(tmp_path / "call.mp4", notify=notes.append)
    for _ in range(2):
        await record_call(recorder, 0.4)
    await recorder.close()
    assert recorder.files == [tmp_path / "call.mp4", tmp_path / "call-3.mp4"]
    assert (tmp_path / "call-2.mp4").read_text() == "mine"
    for file in recorder.files:
        assert examine(file).counters[0][1] == 0


async def test_overwriting_is_done_when_allowed(tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "call.mkv").write_text("old")
    recorder = Recorder(tmp_path / "call.mkv", overwrite=True, notify=notes.append)
    await record_call(recorder, 0.4)
    await recorder.close()
    assert recorder.files == [tmp_path / "call.mkv"]
    assert examine(tmp_path / "call.mkv").counters


@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_call_of_one_kind_is_recorded(kind: str, suffix: str, tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / f"call{suffix}", notify=notes.append)
    await record_call(recorder, 1, frozenset({kind}))
    await recorder.close()
    contents = examine(tmp_path / f"call{suffix}")
    assert set(contents.codecs) == {kind}
    if kind == "video":
        assert len(contents.counters) > 20
    else:
        assert contents.frequency() == pytest.approx(TEST_TONE_HZ, abs=2)


async def test_a_call_without_frames_leaves_no_file(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "call.mp4", notify=notes.append)
    recorder.begin_call(BOTH)
    recorder.end_call()
    recorder.begin_call(frozenset())
    await recorder.close()
    assert recorder.files == []
    assert not (tmp_path / "call.mp4").exists()
    assert notes == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_and_picture_are_in_sync(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sync{suffix}"
    recording = Recording(path, BOTH, (640, 360))
    beeps = blocks(flash_and_beep([1.0, 2.0, 3.0], 4.0))
    for number, block in enumerate(beeps):
        if number % 2 == 0:  # 25 pictures a second; that of the second begins with its beep
            recording.add_video(number * 0.02, picture(number // 2))
        recording.add_audio(number * 0.02, block)
    recording.close()
    contents = examine(path)
    shown = {counter: time for time, counter in contents.counters}
    starts = [start for start, _ in contents.loud()]
    assert len(starts) == 3
    for second, start in enumerate(starts, 1):
        assert start == pytest.approx(shown[second * 25], abs=0.005)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_that_begin_later_than_the_sound_are_in_sync_too(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"late{suffix}"
    recording = Recording(path, BOTH, (640, 360))
    for number, block in enumerate(blocks(flash_and_beep([1.0, 2.0], 3.0))):
        if number % 2 == 0 and number >= 40:
            recording.add_video(number * 0.02, picture(number // 2))
        recording.add_audio(number * 0.02, block)
    recording.close()
    contents = examine(path)
    assert contents.counters[0] == pytest.approx((0.8, 20), abs=0.005)
    assert [start for start, _ in contents.loud()] == pytest.approx([1.0, 2.0], abs=0.005)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_frame_rate_may_vary(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"vfr{suffix}"
    times = [0.0, 0.033, 0.1, 0.5, 0.51, 0.511, 2.0, 5.0]
    recording = Recording(path, frozenset({"video"}), (640, 360))
    for number, time in enumerate(times):
        recording.add_video(time, picture(number))
    recording.close()
    contents = examine(path)
    assert [counter for _, counter in contents.counters] == list(range(len(times)))
    assert contents.pictures == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gaps_of_one_track_are_filled_while_the_other_goes_on(suffix: str, tmp_path: Path) -> None:
    """Silence where there is no sound, the last picture where there is none: both tracks play, and are in sync."""
    path = tmp_path / f"gaps{suffix}"
    recording = Recording(path, BOTH, (640, 360))
    number = 0
    for index, block in enumerate(blocks(tone(12.0))):
        time = index * 0.02
        if not 2 <= time < 5:
            recording.add_audio(time, block)
        if not 7 <= time < 10 and index % 2 == 0:
            recording.add_video(time, picture(number))
            number += 1
    recording.close()
    contents = examine(path)
    (first_start, first_end), (second_start, second_end) = contents.loud()
    assert (first_start, first_end) == pytest.approx((0, 2), abs=0.06)
    assert (second_start, second_end) == pytest.approx((5, 12), abs=0.1)
    assert np.diff(contents.pictures).max() < 1.6
    shown_at_ten = next(counter for time, counter in contents.counters if time >= 9.999)
    assert shown_at_ten == 7 * 25


def test_sound_that_comes_twice_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "twice.mkv"
    recording = Recording(path, frozenset({"audio"}), (640, 360))
    beeps = blocks(flash_and_beep([0.0, 1.0], 2.0))
    for index, block in enumerate(beeps[:50]):
        recording.add_audio(index * 0.02, block)
    for index, block in enumerate(beeps[:50]):
        recording.add_audio(index * 0.02, block)
    for index, block in enumerate(beeps[50:]):
        recording.add_audio(1 + index * 0.02, block)
    recording.close()
    assert [start for start, _ in examine(path).loud()] == pytest.approx([0, 1], abs=0.06)


def test_a_new_resolution_is_scaled_into_the_file_with_its_shape_kept(tmp_path: Path) -> None:
    path = tmp_path / "sizes.mp4"
    recording = Recording(path, frozenset({"video"}), (640, 360))
    sizes = [(160, 90), (640, 360), (1280, 720), (360, 640)]
    for number, size in enumerate(sizes):
        recording.add_video(number / 10, picture(number, size))
    recording.close()
    contents = examine(path)
    assert contents.sizes == {(640, 360)}
    assert [counter for _, counter in contents.counters] == [0, 1, 2]
    with av.open(str(path)) as file:
        upright = list(file.decode(video=0))[3].to_ndarray(format="gray")
    assert upright[:, :210].max() < 25  # black on both sides of a picture 202 wide
    assert upright[:, 430:].max() < 25
    assert upright[180, 230:410].max() > 100


async def test_the_canvas_is_large_enough_for_a_picture_that_grows(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "grow.mp4", notify=notes.append)
    recorder.begin_call(frozenset({"video"}))
    for number, size in enumerate([(320, 180), (640, 360), (1280, 720)]):
        recorder.on_video(picture(number, size))
    await recorder.close()
    contents = examine(tmp_path / "grow.mp4")
    assert contents.sizes == {(640, 360)}
    assert [counter for _, counter in contents.counters] == [0, 1, 2]


async def test_a_picture_that_comes_late_finds_its_track(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "late.mp4", notify=notes.append)
    recorder.begin_call(BOTH)
    audio = TestSource({"audio"})
    (track,) = audio.open_tracks()
    for _ in range(130):
        recorder.on_audio(await track.recv())
    recorder.on_video(picture(7, (640, 360)))
    for _ in range(20):
        recorder.on_audio(await track.recv())
    await recorder.close()
    await audio.close()
    contents = examine(tmp_path / "late.mp4")
    assert contents.sizes == {(1280, 720)}
    assert contents.pictures[0] < 1
    assert [counter for time, counter in contents.counters if 2.4 < time < 2.9][:1] == [7]
    assert contents.loud()[0] == pytest.approx((0, 3), abs=0.2)


async def test_the_frames_that_others_see_are_not_changed(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "shared.mp4", notify=notes.append)
    recorder.begin_call(BOTH)
    shown, heard = picture(90), sound(tone(0.02), pts=12345)
    before = shown.to_ndarray().copy(), heard.to_ndarray().copy()
    recorder.on_video(shown)
    recorder.on_audio(heard)
    await recorder.close()
    assert (shown.pts, shown.time_base, heard.pts) == (90 * 3000, Fraction(1, 90000), 12345)
    assert (shown.to_ndarray() == before[0]).all()
    assert (heard.to_ndarray() == before[1]).all()


async def test_when_the_encoder_is_behind_frames_are_dropped_and_that_is_told(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "flood.mp4", notify=notes.append)
    recorder.begin_call(frozenset({"video"}))
    frame = picture(1, (1280, 720))
    for _ in range(500):
        recorder.on_video(frame)
    await recorder.close()
    await notes.wait(1)
    assert len(notes) == 1
    assert "this machine was too slow" in notes[0]
    assert len(examine(tmp_path / "flood.mp4").pictures) < 400


CRASH = """
import asyncio, sys
from peer.media.sinks.pump import Pump
from peer.media.sinks.recording.recorder import Recorder
from peer.media.sources.drawn.testsource import TestSource

async def main():
    recorder = Recorder(sys.argv[1], notify=print)
    source = TestSource(sys.argv[2:], (640, 360), 30)
    tracks = source.open_tracks()
    Pump([recorder], print).start(tracks)
    await asyncio.sleep(4)
    print("now", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("suffix", "kinds"), [*((suffix, ["audio", "video"]) for suffix in SUFFIXES), (".mp4", ["audio"])]
)
def test_what_was_recorded_until_the_process_was_killed_plays(suffix: str, kinds: list[str], tmp_path: Path) -> None:
    path = tmp_path / f"crash{suffix}"
    process = subprocess.Popen([sys.executable, "-c", CRASH, path, *kinds], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        assert process.stdout.readline() == b"now\n"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    contents = examine(path)
    counters = [counter for _, counter in contents.counters]
    assert counters == sorted(set(counters))
    assert len(counters) == len(contents.pictures)
    if "video" in kinds:
        assert contents.pictures[-1] > 2.5  # of the 4 seconds: less the last fragment, and what a slow machine loses
    assert contents.frequency() == pytest.approx(TEST_TONE_HZ, abs=2)
    assert len(contents.sound) / contents.rate > 2.5


@pytest.mark.parametrize("name", ["call.avi", "call", "call.mp3", ".mp4"])
def test_an_unknown_suffix_is_refused(name: str, tmp_path: Path, notes: Notes) -> None:
    with pytest.raises(MediaError, match=r"the name must end in \.mp4, \.mkv, \.webm$"):
        Recorder(tmp_path / name, notify=notes.append)


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    for path, reason in [
        (tmp_path / "there.mp4", "it exists; choose another name"),
        (tmp_path / "folder.mp4", "it is a directory; give the name of a file"),
        (tmp_path / "nowhere" / "call.mp4", f"there is no directory {tmp_path / 'nowhere'}; create it first"),
        (tmp_path / "file" / "call.mp4", "not a directory; choose a place that you may write to"),
        (Path("/proc/call.mp4"), "no such file or directory; choose a place that you may write to"),
    ]:
        with pytest.raises(MediaError) as caught:
            Recorder(path, notify=notes.append)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.mp4", "there.mp4"]


async def test_a_disk_that_fills_up_ends_the_recording_not_the_call(tmp_path: Path, notes: Notes) -> None:
    recorder = Recorder(tmp_path / "full.mkv", notify=notes.append)
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    recorder = Recorder(tmp_path / "full.mkv", overwrite=True, notify=notes.append)
    recorder.begin_call(frozenset({"video"}))
    rng = np.random.default_rng(1)
    for number in range(40):
        frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (540, 640), np.uint8), format="yuv420p")
        frame.pts, frame.time_base = number * 3000, Fraction(1, 90000)
        recorder.on_video(frame)
        await asyncio.sleep(0.005)
    await recorder.close()
    await notes.wait(1)
    assert len(notes) == 1
    assert notes[0].lower() == f"recording to {tmp_path / 'full.mkv'} stopped: no space left on device"


async def test_no_thread_is_left(tmp_path: Path, notes: Notes) -> None:
    before = set(threading.enumerate())
    recorder = Recorder(tmp_path / "call.mp4", notify=notes.append)
    for _ in range(3):
        recorder.begin_call(frozenset({"video"}))
        recorder.on_video(picture(1))
    await recorder.close()
    assert {thread for thread in threading.enumerate() if thread not in before and "record" in thread.name} == set()
    assert len(recorder.files) == 3
