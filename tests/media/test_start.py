"""A film that begins later: picture and sound from there on, in each round."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from mediafiles import flash_and_beep, make_file
from playing import check_sync, counters, open_it, read

from peer.errors import MediaError


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
async def test_a_film_begins_where_it_is_asked_to(suffix: str, tmp_path: Path) -> None:
    path = make_file(tmp_path / f"film{suffix}", seconds=2, sound=flash_and_beep([1.0, 1.5], 2.0))
    source = await open_it(path, start=0.5)
    video, audio = source.open_tracks()
    pictures, sounds = await asyncio.gather(read(video), read(audio))
    await source.close()
    seen = counters(pictures)
    assert 13 <= seen[0] <= 17
    assert 57 <= seen[-1] < 60
    assert (pictures[0][1].time or 0.0) < 0.1
    check_sync(pictures, sounds, beep=30)


async def test_each_round_of_a_loop_begins_there(film: Path) -> None:
    source = await open_it(film, "video", only=True, start=1.0, loop=True)
    (track,) = source.open_tracks()
    seen = counters(await read(track, 40))
    await source.close()
    assert min(seen) >= 28
    assert (np.diff(seen) < 0).sum() >= 1


async def test_a_start_after_the_end_is_one_line(film: Path) -> None:
    with pytest.raises(MediaError, match=r"^can't start .*film.mp4 at 9 s: it is 1\.5 s long; choose less$"):
        await open_it(film, start=9.0)
