"""Films and photographs that are stored turned or mirrored are seen as a player shows them."""

from pathlib import Path

import av
import numpy as np
import pytest
from mediafiles import make_file
from photographs import SEEN, SIZE, add_exif, corners, save_pictures, seen, write_matrix
from playing import open_it

MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""a, b, c and d of the display matrix that turns a film as EXIF's orientations turn a photograph."""


async def first_picture(path: Path) -> av.VideoFrame:
    source = await open_it(path)
    (track,) = source.open_tracks()
    frame = await track.recv()
    await source.close()
    return frame


def check(frame: av.VideoFrame, orientation: int) -> None:
    assert seen(frame) == SEEN[orientation].tolist()
    assert (frame.width, frame.height) == (SIZE if orientation < 5 else SIZE[::-1])


@pytest.mark.parametrize("orientation", MATRICES)
async def test_a_film_is_turned_and_mirrored_by_its_whole_matrix(orientation: int, tmp_path: Path) -> None:
    path = make_corner_film(tmp_path / "film.mp4")
    write_matrix(path, *MATRICES[orientation])
    check(await first_picture(path), orientation)


def make_corner_film(path: Path) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
async def test_all_orientations_of_exif_are_followed(suffix: str, tmp_path: Path) -> None:
    for orientation in SEEN:
        path = save_pictures(tmp_path / f"{orientation}{suffix}")
        add_exif(path, orientation)
        check(await first_picture(path), orientation)


async def test_a_matrix_of_nothing_is_none(tmp_path: Path) -> None:
    path = make_corner_film(tmp_path / "film.mp4")
    write_matrix(path, 0, 0, 0, 0)
    check(await first_picture(path), 1)


async def test_a_mirrored_film_is_not_sent_as_it_is_coded(tmp_path: Path) -> None:
    path = make_file(tmp_path / "film.mp4", seconds=1, coder={"bf": "0", "profile": "baseline"})
    (track,) = (await open_it(path)).open_tracks()
    assert track.is_coded
    track.stop()
    write_matrix(path, 1, 0, 0, -1)
    (track,) = (await open_it(path)).open_tracks()
    assert not track.is_coded
    track.stop()


async def test_a_photograph_keeps_to_the_size_asked_for_as_it_is_seen(tmp_path: Path) -> None:
    path = save_pictures(tmp_path / "tall.jpg")
    add_exif(path, 6)
    source = await open_it(path, size=(48, 48))
    (track,) = source.open_tracks()
    frame = await track.recv()
    await source.close()
    assert (frame.width, frame.height) == (32, 48)
    assert np.array_equal(seen(frame), SEEN[6])
