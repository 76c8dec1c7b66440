"""A picture now and then on disk: numbered, whole, no more than asked for."""

from pathlib import Path

import cv2
import pytest
from noting import Notes

from peer.errors import MediaError
from peer.media.sinks import snapshots
from peer.media.sinks.snapshots import Snapshots
from peer.media.sources.drawn.testpattern import TestPicture, read_test_picture

VIDEO = frozenset({"video"})


def counter(path: Path) -> int | None:
    """The counter in a saved test picture."""
    picture = cv2.imread(str(path))
    assert picture is not None, path
    reading = read_test_picture(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)[: picture.shape[0]])
    return reading and reading.counter


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def show(sink: Snapshots, clock: list[float], count: int) -> None:
    """Ten pictures a second, each waited for until it is saved."""
    picture = TestPicture(320, 240)
    for number in range(count):
        sink.on_video(picture.draw(number, number / 10))
        await sink.close()
        clock[0] += 0.1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that snapshots are taken by."""
    now = [1000.0]
    monkeypatch.setattr(snapshots, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPEG"])
async def test_a_picture_is_saved_every_so_often(suffix: str, clock: list[float], tmp_path: Path, notes: Notes) -> None:
    sink = Snapshots(tmp_path / f"door{suffix}", every=0.95, keep=100, notify=notes.append)
    sink.begin_call(VIDEO)
    await show(sink, clock, 25)
    assert names(tmp_path) == [f"door-{number}{suffix}" for number in (1, 2, 3)]
    assert [counter(tmp_path / f"door-{number}{suffix}") for number in (1, 2, 3)] == [0, 10, 20]
    assert notes == []


async def test_the_oldest_of_its_own_go_and_others_stay(clock: list[float], tmp_path: Path, notes: Notes) -> None:
    for name in ("door-6.jpg", "door-x.jpg", "window-99.jpg"):
        (tmp_path / name).write_text("mine")
    sink = Snapshots(tmp_path / "door.jpg", every=0.1, keep=2, notify=notes.append)
    sink.begin_call(VIDEO)
    await show(sink, clock, 6)
    assert set(names(tmp_path)) == {"door-6.jpg", "door-x.jpg", "window-99.jpg", "door-11.jpg", "door-12.jpg"}
    assert (tmp_path / "door-6.jpg").read_text() == "mine"


async def test_while_one_is_being_saved_others_are_left_out(tmp_path: Path, notes: Notes) -> None:
    sink = Snapshots(tmp_path / "door.png", every=0.0001, keep=100, notify=notes.append)
    sink.begin_call(VIDEO)
    picture = TestPicture(1280, 720).draw(0, 0)
    for _ in range(50):
        sink.on_video(picture)
    await sink.close()
    assert names(tmp_path) == ["door-1.png"]


async def test_a_failure_is_told_once_and_nothing_is_left_half(
    clock: list[float], tmp_path: Path, notes: Notes
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    sink = Snapshots(folder / "door.jpg", every=0.1, keep=100, notify=notes.append)
    sink.begin_call(VIDEO)
    folder.rmdir()
    await show(sink, clock, 3)
    assert notes == [f"saving {folder / 'door-1.jpg'} failed: No such file or directory; the call goes on"]
    folder.mkdir()
    await show(sink, clock, 1)
    assert names(folder) == ["door-4.jpg"]


async def test_a_file_that_came_meanwhile_is_not_touched(clock: list[float], tmp_path: Path, notes: Notes) -> None:
    sink = Snapshots(tmp_path / "door.jpg", every=0.1, keep=100, notify=notes.append)
    (tmp_path / "door-1.jpg").write_text("mine")
    await show(sink, clock, 2)
    assert (tmp_path / "door-1.jpg").read_text() == "mine"
    assert counter(tmp_path / "door-2.jpg") == 1
    assert notes == [f"saving {tmp_path / 'door-1.jpg'} failed: File exists; the call goes on"]


def test_names_that_cannot_be_used_are_refused(tmp_path: Path, notes: Notes) -> None:
    for path, reason in [
        (tmp_path / "door.gif", "the name must end in .jpg, .jpeg, .png"),
        (tmp_path / "door", "the name must end in .jpg, .jpeg, .png"),
        (tmp_path / "nowhere" / "door.jpg", f"there is no directory {tmp_path / 'nowhere'}; create it first"),
        (Path("/proc/door.jpg"), "no such file or directory; choose a place that you may write to"),
    ]:
        with pytest.raises(MediaError) as caught:
            Snapshots(path, every=1, keep=1, notify=notes.append)
        assert str(caught.value) == f"can't save pictures as {path}: {reason}"
