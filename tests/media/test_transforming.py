"""A program's function on every picture: found, called in a thread, and survived."""

import asyncio
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import MediaStreamError, MediaStreamTrack
from noting import Notes

from peer.errors import UsageError
from peer.media.base.pictures import planes
from peer.media.sending.transforming import Transform, TransformedTrack, load_function

OPTION = "--transform"


class Pictures(MediaStreamTrack):
    """So many grey pictures, each a little brighter, as fast as they are taken; then none until it is stopped."""

    kind = "video"

    def __init__(self, count: int, *, size: tuple[int, int] = (64, 48)) -> None:
        super().__init__()
        self._size = size
        self._left = count
        self._number = 0
        self.taken = asyncio.Event()
        self._stopped = asyncio.Event()

    async def recv(self) -> av.VideoFrame:
        if self._number == self._left:
            self.taken.set()
            await self._stopped.wait()
        if self.readyState != "live":
            raise MediaStreamError
        width, height = self._size
        frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), self._number, np.uint8), format="bgr24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = self._number * 3000, Fraction(1, 90000)
        self._number += 1
        await asyncio.sleep(0)
        return frame

    def stop(self) -> None:
        super().stop()
        self._stopped.set()


async def first_of(function: Callable[[np.ndarray], object], notes: Notes) -> av.VideoFrame:
    transform = Transform(function, "it", notes.append)
    track = TransformedTrack(Pictures(1000), transform)
    try:
        return await track.recv()
    finally:
        track.stop()
        await transform.close()


async def test_the_function_gets_and_gives_bgr_and_the_time_is_kept(notes: Notes) -> None:
    got = []

    def red(picture: np.ndarray) -> np.ndarray:
        got.append((picture.shape, picture.dtype, threading.current_thread() is threading.main_thread()))
        picture[:] = (0, 0, 255)  # its own to change
        return picture

    frame = await first_of(red, notes)
    assert got[0] == ((48, 64, 3), np.uint8, False)
    assert np.abs(frame.to_ndarray(format="bgr24").astype(int).mean((0, 1)) - (0, 0, 255)).max() < 5
    assert (frame.format.name, frame.time_base) == ("yuv420p", Fraction(1, 90000))
    assert frame.pts % 3000 == 0
    assert notes == []


async def test_a_picture_may_change_its_size_and_odd_sides_become_even(notes: Notes) -> None:
    frame = await first_of(lambda picture: picture[:31, ::2], notes)
    assert (frame.width, frame.height) == (32, 32)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda picture: None, "the transform it returned NoneType in place of an array of height x width x 3"),
        (lambda picture: picture[..., 0], "returned an array of 48 x 64, uint8, in place of height x width x 3, uint8"),
        (lambda picture: picture.astype(float), "48 x 64 x 3, float64, in place of height x width x 3, uint8"),
        (lambda picture: picture[:0], "returned a picture of 64x0"),
        (lambda picture: picture["no"], "raised IndexError"),
        (lambda picture: exit(3), "raised SystemExit: 3"),
        (lambda: None, "raised TypeError"),
    ],
)
async def test_what_fails_passes_the_picture_on_and_is_told_once(
    function: Callable[..., object], words: str, notes: Notes
) -> None:
    transform = Transform(function, "it", notes.append)
    track = TransformedTrack(Pictures(1000), transform)
    frames = [await track.recv() for _ in range(3)]
    await notes.wait(1)
    for frame in frames:
        assert planes(frame)[0].std() < 1
        assert (frame.width, frame.height) == (64, 48)
    track.stop()
    await transform.close()
    assert len(notes) == 1
    assert words in notes[0]
    assert notes[0].endswith("; such pictures are passed on unchanged")


async def test_the_line_names_the_place_of_the_error(notes: Notes) -> None:
    def broken(picture: np.ndarray) -> np.ndarray:
        raise RuntimeError("no good")

    await first_of(broken, notes)
    await notes.wait(1)
    line = broken.__code__.co_firstlineno + 1
    assert "the transform it raised RuntimeError: no good" in notes[0]
    assert f"(test_transforming.py line {line})" in notes[0]


async def test_a_slow_function_gets_the_newest_picture_and_others_are_dropped(notes: Notes) -> None:
    began, go_on = threading.Event(), threading.Event()
    numbers = []

    def slow(picture: np.ndarray) -> np.ndarray:
        numbers.append(int(picture.mean()))
        began.set()
        go_on.wait()
        return picture

    pictures = Pictures(200)
    transform = Transform(slow, "it", notes.append)
    track = TransformedTrack(pictures, transform)
    first = asyncio.create_task(track.recv())
    await asyncio.to_thread(began.wait)
    await pictures.taken.wait()  # all others came meanwhile, and the loop was never held up
    go_on.set()
    await first
    await track.recv()
    track.stop()
    await transform.close()
    assert len(numbers) == 2
    assert numbers[0] < 50
    assert numbers[1] > 190


async def test_an_end_of_the_track_is_an_end_of_the_transformed_one(notes: Notes) -> None:
    transform = Transform(lambda picture: picture, "it", notes.append)
    pictures = Pictures(1)
    track = TransformedTrack(pictures, transform)
    await track.recv()
    waiting = asyncio.create_task(track.recv())
    await pictures.taken.wait()
    pictures.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    await transform.close()


async def test_stopping_ends_the_track_below_and_who_waits(notes: Notes) -> None:
    pictures = Pictures(0)
    transform = Transform(lambda picture: picture, "it", notes.append)
    track = TransformedTrack(pictures, transform)
    track.stop()
    assert pictures.readyState == "ended"
    with pytest.raises(MediaStreamError):
        await track.recv()
    await transform.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "transforming by it"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with modules in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # so that what is added is gone again afterwards
    (tmp_path / "shades.py").write_text(
        "import dataclasses\n"
        "def darker(picture): return picture // 2\n"
        "NUMBER = 3\n"
        "class Box:\n"
        "    @staticmethod\n"
        "    def same(picture): return picture\n"
    )
    (tmp_path / "broken_shades.py").write_text("import no_such_library\n")
    (tmp_path / "wrong_shades.py").write_text("1 / 0\n")
    (tmp_path / "leaving_shades.py").write_text("raise SystemExit('bye')\n")
    return tmp_path


def test_functions_are_found_in_the_current_directory_and_in_files(here: Path) -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    for name in ("shades:darker", "shades.py:darker", f"{here}/shades.py:darker"):
        assert load_function(name, OPTION)(picture).max() == 50
    assert load_function("shades:Box.same", OPTION)(picture) is picture
    assert load_function("cv2:flip", OPTION)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing_here:f", "there is no module nothing_here here; give MODULE:FUNCTION or FILE.py:FUNCTION"),
        ("shades.more:f", "there is no module shades.more here"),
        ("nothing.py:f", "there is no file nothing.py; give MODULE:FUNCTION or FILE.py:FUNCTION"),
        ("..:f", "'..' is no module's name"),
        ("shades:lighter", "there is no lighter in shades"),
        ("shades:NUMBER", "NUMBER in shades is no function"),
        ("broken_shades:f", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("wrong_shades.py:f", "wrong_shades.py can't be imported (ZeroDivisionError: division by zero)"),
        ("leaving_shades:f", "(SystemExit: bye)"),
    ],
)
def test_what_is_no_function_is_a_usage_error_of_one_line(here: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_function(name, OPTION)
    assert str(caught.value).startswith(f"--transform {name}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
