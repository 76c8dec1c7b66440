"""What is recorded as it was coded plays, in sync, whatever the partner's sizes, losses and our disk do."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from codedmedia import FPS, Camera, coded_sound, in_order
from mediafiles import examine, flash_and_beep, tone
from noting import Notes

from peer.media.base.coded import CodedFeed, CodedMedia, nal_types, opus_samples, vp8_size
from peer.media.sinks.recording.codedfile import SILENCE
from peer.media.sinks.recording.passing import KEYFRAME_EVERY, LEAST, Passing
from peer.media.sinks.recording.recorder import Recorder

BOTH = frozenset({"audio", "video"})
FORMS = [(".webm", "VP8"), (".mkv", "VP8"), (".mkv", "H264"), (".mp4", "H264")]
ARRIVAL = 1000.0
"""On the monotonic clock, when the first of the media arrives."""


class Files:
    """Names the files of a recording."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.paths: list[Path] = []
        self._folder, self._suffix = folder, suffix

    def claim(self) -> Path:
        self.paths.append(self._folder / f"{len(self.paths) + 1}{self._suffix}")
        return self.paths[-1]


def record(files: Files, media: Iterable[CodedMedia], kinds: frozenset[str] = BOTH) -> tuple[list[str], list[float]]:
    """What was told, and when keyframes were asked for."""
    notes: list[str] = []
    asked: list[float] = []
    now = ARRIVAL
    call = Passing(kinds, lambda: asked.append(now - ARRIVAL), files.claim, notes.append)
    for each in media:
        now = ARRIVAL + each.time
        call.add(each, now)
    call.end()
    call.run()
    return notes, asked


def pictures(codec: str, numbers: Iterable[int], size: tuple[int, int] = (320, 240)) -> list[CodedMedia]:
    camera = Camera(codec, size)
    return [camera.coded(number) for number in numbers]


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_what_was_sent_is_in_the_file_in_sync(suffix: str, codec: str, tmp_path: Path) -> None:
    files = Files(tmp_path, suffix)
    video = pictures(codec, range(100))
    audio = list(coded_sound(flash_and_beep([1.0, 2.0, 3.0], 4.0)))
    assert record(files, in_order(video, audio)) == ([], [])
    (path,) = files.paths
    contents = examine(path)
    assert contents.codecs == {"video": {"VP8": "vp8", "H264": "h264"}[codec], "audio": "opus"} or contents.codecs == {
        "video": "libvpx",
        "audio": "libopus",
    }
    assert [counter for _, counter in contents.counters] == list(range(100))
    assert contents.pictures == pytest.approx([number / FPS for number in range(100)], abs=0.002)
    starts = [start for start, _ in contents.loud()]
    assert starts == pytest.approx([1.0, 2.0, 3.0], abs=0.012)  # Opus itself is late by 6.5 ms
    with av.open(str(path)) as file:
        stored = [(packet.stream.type, bytes(packet)) for packet in file.demux() if packet.size]
    assert [data for kind, data in stored if kind == "audio"] == [piece.data for piece in audio]
    if codec == "VP8":
        assert [data for kind, data in stored if kind == "video"] == [picture.data for picture in video]


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_another_size_goes_into_a_new_file_but_not_at_once(suffix: str, codec: str, tmp_path: Path) -> None:
    """A browser that grows in its first seconds fills one file; later changes begin others, ten seconds apart."""
    files = Files(tmp_path, suffix)
    changes = [(0, (160, 120)), (50, (320, 240)), (300, (640, 480)), (350, (320, 240)), (600, (320, 240)), (700, None)]
    video: list[CodedMedia] = []
    for (begin, size), (end, _) in itertools.pairwise(changes):
        assert size
        video += pictures(codec, range(begin, end), size)
    notes, _ = record(files, in_order(video, list(coded_sound(tone(28.0)))))
    assert notes == []
    parts = [examine(path) for path in files.paths]
    assert [part.sizes for part in parts] == [{(160, 120), (320, 240)}, {(640, 480), (320, 240)}, {(320, 240)}]
    shown = [[counter for _, counter in part.counters] for part in parts]
    assert shown == [list(range(300)), list(range(300, 600)), list(range(600, 700))]
    for part, seconds in zip(parts, [12, 12, 4], strict=True):
        assert part.pictures[0] == pytest.approx(0, abs=0.05)
        assert part.frequency() == pytest.approx(440, abs=1)
        assert len(part.sound) / part.rate == pytest.approx(seconds, abs=0.1)
    assert LEAST == 10


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_pictures_before_the_first_keyframe_are_left_out_and_one_is_asked_for(
    suffix: str, codec: str, tmp_path: Path
) -> None:
    files = Files(tmp_path, suffix)
    camera = Camera(codec, (320, 240))
    video = [camera.coded(number, keyframe=number == 30) for number in range(75)][5:]
    notes, asked = record(files, in_order(video, list(coded_sound(flash_and_beep([0.5, 2.0], 3.0)))))
    assert notes == []
    assert asked == pytest.approx([0.2])
    contents = examine(files.paths[0])
    assert [counter for _, counter in contents.counters] == list(range(30, 75))
    assert contents.counters[0][0] == pytest.approx(30 / FPS, abs=0.005)
    assert [start for start, _ in contents.loud()] == pytest.approx([0.5, 2.0], abs=0.012)


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_sound_does_not_wait_for_ever_and_the_first_picture_begins_a_new_file(
    suffix: str, codec: str, tmp_path: Path
) -> None:
    files = Files(tmp_path, suffix)
    notes, _ = record(files, in_order(pictures(codec, range(100, 150)), list(coded_sound(tone(6.0)))))
    assert notes == []
    alone, both = (examine(path) for path in files.paths)
    assert set(alone.codecs) == {"audio"}
    assert len(alone.sound) / alone.rate == pytest.approx(4, abs=0.1)
    assert [counter for _, counter in both.counters] == list(range(100, 150))
    assert both.frequency() == pytest.approx(440, abs=1)


@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_a_call_of_one_kind(kind: str, suffix: str, codec: str, tmp_path: Path) -> None:
    files = Files(tmp_path, suffix)
    media = pictures(codec, range(50)) if kind == "video" else list(coded_sound(tone(1.0)))
    assert record(files, media, frozenset({kind}))[0] == []
    (path,) = files.paths
    contents = examine(path)
    assert set(contents.codecs) == {kind}
    assert len(contents.counters) == 50 if kind == "video" else contents.frequency() == pytest.approx(440, abs=1)


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_what_is_lost_leaves_a_still_picture_and_silence(suffix: str, codec: str, tmp_path: Path) -> None:
    """After a loss the receiver gives out nothing before the next keyframe, so that all in the file can be shown."""
    files = Files(tmp_path, suffix)
    camera = Camera(codec, (320, 240))
    video = [camera.coded(number, keyframe=number == 75) for number in range(125)]
    audio = list(coded_sound(tone(5.0)))
    lossy = in_order(video[:50] + video[75:], audio[:100] + audio[150:])
    assert record(files, lossy)[0] == []
    contents = examine(files.paths[0])
    assert [counter for _, counter in contents.counters] == [*range(50), *range(75, 125)]
    assert contents.pictures[50] == pytest.approx(75 / FPS, abs=0.005)
    (first_begin, first_end), (second_begin, second_end) = contents.loud()
    assert (first_begin, first_end, second_begin, second_end) == pytest.approx((0, 2, 3, 5), abs=0.1)


def test_sound_that_comes_twice_is_left_out(tmp_path: Path) -> None:
    files = Files(tmp_path, ".mkv")
    audio = list(coded_sound(flash_and_beep([0.5, 1.5], 2.0)))
    twice = in_order(audio, audio[:50])
    record(files, twice, frozenset({"audio"}))
    contents = examine(files.paths[0])
    assert len(contents.sound) / contents.rate == pytest.approx(2.0, abs=0.1)


def test_keyframes_are_asked_for_so_that_a_player_can_jump(tmp_path: Path) -> None:
    files = Files(tmp_path, ".mkv")
    camera = Camera("VP8", (160, 120))
    pending = [False]

    def answering() -> Iterable[CodedMedia]:
        for number in range(35 * FPS):
            media = camera.coded(number, keyframe=pending[0])
            pending[0] = False
            yield media

    asked: list[float] = []
    now = ARRIVAL

    def ask() -> None:
        asked.append(now - ARRIVAL)
        pending[0] = True

    call = Passing(frozenset({"video"}), ask, files.claim, pytest.fail)
    for media in answering():
        now = ARRIVAL + media.time
        call.add(media, now)
    call.end()
    call.run()
    assert np.diff([0, *asked]) == pytest.approx([KEYFRAME_EVERY] * 3, abs=0.1)
    with av.open(str(files.paths[0])) as file:
        keyframes = [
            packet.pts * packet.time_base for packet in file.demux(video=0) if packet.size and packet.is_keyframe
        ]
    assert np.diff([float(time) for time in keyframes]) == pytest.approx([KEYFRAME_EVERY] * 3, abs=0.1)


def test_a_disk_that_is_behind_costs_pictures_up_to_the_next_keyframe_and_that_is_told(tmp_path: Path) -> None:
    files = Files(tmp_path, ".mkv")
    notes: list[str] = []
    asked: list[None] = []
    call = Passing(frozenset({"video"}), lambda: asked.append(None), files.claim, notes.append)
    camera = Camera("VP8", (320, 240))
    huge = CodedMedia("video", "VP8", b"\x01" + bytes(17_000_000), 10 / FPS)
    for number in range(10):
        call.add(camera.coded(number), ARRIVAL + number / FPS)
    call.add(huge, ARRIVAL + 10 / FPS)
    call.add(camera.coded(11), ARRIVAL + 11 / FPS)
    assert len(asked) == 0
    call.add(camera.coded(12), ARRIVAL + 12 / FPS)
    assert len(asked) == 1
    call.end()
    call.run()
    assert notes == [f"{files.paths[0]}: 2 frames are missing, the disk was too slow"]


@pytest.mark.parametrize(
    ("suffix", "codecs", "takes"),
    [
        (".webm", {"video": "VP8", "audio": "opus"}, True),
        (".webm", {"video": "H264", "audio": "opus"}, False),
        (".mp4", {"video": "VP8", "audio": "opus"}, False),
        (".mp4", {"video": "H264", "audio": "opus"}, True),
        (".MP4", {"video": "H264", "audio": "opus"}, True),
        (".mkv", {"video": "VP8", "audio": "opus"}, True),
        (".mkv", {"video": "VP8", "audio": "PCMU"}, False),
        (".mkv", {"video": "AV1"}, False),
        (".mkv", {"audio": "opus"}, True),
        (".mkv", {}, False),
    ],
)
def test_what_the_container_cannot_hold_is_coded_anew(
    suffix: str, codecs: dict[str, str], takes: bool, tmp_path: Path, notes: Notes
) -> None:
    feed = CodedFeed(codecs, lambda: None)
    assert Recorder(tmp_path / f"a{suffix}", notify=notes.append).takes_coded(feed) is takes
    assert not Recorder(tmp_path / f"a{suffix}", transcode=True, notify=notes.append).takes_coded(feed)


def test_hostile_media_ends_no_recording(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    for number, (suffix, codec) in enumerate(FORMS):
        files = Files(tmp_path, suffix)
        (tmp_path / str(number)).mkdir()
        files = Files(tmp_path / str(number), suffix)
        good = in_order(pictures(codec, range(50)), list(coded_sound(tone(2.0))))
        bad = [CodedMedia("video", codec, data, 0.5) for data in hostile(rng, good[0].data)]
        bad += [CodedMedia("audio", "opus", data, 0.5) for data in (b"", b"\xff", b"\x03\x3f", rng.bytes(200))]
        bad += [CodedMedia("video", other, b"\x00" * 20, 0.5) for other in ("AV1", "H264", "VP8") if other != codec]
        notes, _ = record(files, [*bad, *good[:30], *bad, *good[30:]])
        assert len(notes) <= 1, notes
        assert "audio" in examine(files.paths[0], torn=True).codecs, "it can be opened, whatever is in it"


def hostile(rng: np.random.Generator, keyframe: bytes) -> Iterable[bytes]:
    yield from (b"", b"\x00", b"\x10\x00\x00\x9d\x01\x2a\x00\x00\x00\x00", b"\x00\x00\x01\x65", b"\x00\x00\x01\x67\x42")
    yield keyframe[:12]
    yield b"\x00\x00\x01\x67" + rng.bytes(40) + b"\x00\x00\x01\x68" + rng.bytes(5) + b"\x00\x00\x01\x65" + rng.bytes(90)


def test_the_sizes_and_lengths_in_what_is_coded() -> None:
    vp8, h264 = Camera("VP8", (318, 242)), Camera("H264", (320, 240))
    assert vp8_size(vp8.coded(0).data) == (318, 242)
    assert vp8_size(vp8.coded(1).data) is None
    assert [h264.coded(number).is_keyframe for number in range(3)] == [True, False, False]
    assert [vp8.coded(2, keyframe=True).is_keyframe, vp8.coded(3).is_keyframe] == [True, False]
    assert {5, 7, 8} <= nal_types(h264.coded(3, keyframe=True).data)
    assert {opus_samples(piece.data) for piece in coded_sound(tone(0.2))} == {960}
    assert [opus_samples(data) for data in (b"", SILENCE, b"\x00", b"\x19", b"\x63\x03", b"\xe3\x3f", b"\xff")] == [
        *(0, 960, 480, 5760, 1440, 5760, 960)
    ]


CRASH = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from codedmedia import Camera, coded_sound, in_order, FPS
from mediafiles import tone
from peer.media.sinks.recording.passing import Passing
import threading

path = Path(sys.argv[1])
camera = Camera(sys.argv[2], (320, 240))
media = in_order([camera.coded(number) for number in range(5 * FPS)], list(coded_sound(tone(5.0))))
call = Passing(frozenset({"audio", "video"}), print, lambda: path, print)
threading.Thread(target=call.run, daemon=True).start()
for each in media:
    call.add(each, 1000 + each.time)
while not call.idle:
    time.sleep(0.01)
print("now", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_what_was_recorded_until_the_process_was_killed_plays(suffix: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"crash{suffix}"
    command = [sys.executable, "-c", CRASH, path, codec, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"now\n"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    contents = examine(path)
    counters = [counter for _, counter in contents.counters]
    assert counters == list(range(len(counters)))
    assert contents.pictures[-1] > 2.5  # of the 5 seconds: less the last second or two
    assert contents.frequency() == pytest.approx(440, abs=2)
    assert len(contents.sound) / contents.rate > 2.5


FULL = """
import sys, shutil
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_passing import record, pictures, in_order, coded_sound, tone, Files
small, suffix = Path(sys.argv[1]), sys.argv[2]
files = Files(small, suffix)
media = in_order(pictures(sys.argv[3], range(250)), list(coded_sound(tone(10.0))))
print(record(files, media)[0])
shutil.copy(files.paths[0], small.parent / f"copy{suffix}")
"""


@pytest.mark.parametrize(("suffix", "codec"), FORMS)
def test_a_disk_that_is_full_ends_the_recording_and_what_there_is_plays(
    suffix: str, codec: str, tmp_path: Path
) -> None:
    """On a real file system without room, which only this test sees."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=160k none {small} && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", FULL]
    folder = str(Path(__file__).parent)
    done = subprocess.run([*command, small, suffix, codec, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"['recording to {small / f'1{suffix}'} stopped: No space left on device']\n"
    contents = examine(tmp_path / f"copy{suffix}", torn=True)
    counters = [counter for _, counter in contents.counters]
    assert counters == list(range(len(counters)))
    assert contents.pictures[-1] > 0.5
    assert contents.frequency() == pytest.approx(440, abs=2)
