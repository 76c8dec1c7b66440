"""One picture is sent on and on: photographs of every format, covers, films of one; and moving images go round."""

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from mediafiles import tone
from photographs import CODECS, SIZE, STORED, corners, save_pictures, seen
from playing import open_it, read

from peer.media.sources.film import decoding, still

ENOUGH = 8  # pictures


@pytest.mark.parametrize("suffix", CODECS)
async def test_a_photograph_is_sent_on_and_on_but_converted_once(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversions = []
    convert = decoding.to_yuv420p
    monkeypatch.setattr(decoding, "to_yuv420p", lambda *given: conversions.append(1) or convert(*given))
    source = await open_it(save_pictures(tmp_path / f"photo{suffix}"), fps=40)
    (track,) = source.open_tracks()
    frames = [frame for _, frame in await asyncio.wait_for(read(track, ENOUGH), 10)]
    await source.close()
    assert len(frames) == ENOUGH
    assert {frame.pts % 2250 for frame in frames} == {0}  # the rate that was asked for, on a clock of 90 kHz
    assert len({id(frame) for frame in frames}) == ENOUGH  # an encoder may still be at work on the one before
    assert all(seen(frame) == STORED.tolist() for frame in frames)
    assert len(conversions) == 1


async def test_without_a_rate_a_photograph_has_its_own(tmp_path: Path) -> None:
    source = await open_it(save_pictures(tmp_path / "photo.jpg"))
    (track,) = source.open_tracks()
    frames = await asyncio.wait_for(read(track, 4), 10)
    await source.close()
    steps = np.diff([frame.time for _, frame in frames]) * still.FPS
    assert np.allclose(steps, np.round(steps), atol=0.01)
    assert steps.min() >= 0.99


@pytest.mark.parametrize("suffix", [".gif"])
async def test_a_moving_image_goes_round(suffix: str, tmp_path: Path) -> None:
    source = await open_it(save_pictures(tmp_path / f"moving{suffix}", count=3, fps=25))
    (track,) = source.open_tracks()
    frames = await asyncio.wait_for(read(track, 10), 10)
    await source.close()
    assert len(frames) == 10
    assert source.open_tracks() is not None


def song(path: Path, seconds: float, *, cover: bool, codecs: tuple[str, str]) -> Path:
    """One picture and this much sound; as a `cover`, the picture is attached."""
    with av.open(str(path), "w") as file:
        audio: Any = file.add_stream(codecs[0], rate=48000)
        video: Any = file.add_stream(codecs[1], rate=1)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p" if codecs[1] == "libx264" else "rgb24"
        if cover:
            video.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format=video.pix_fmt)
        picture.pts = 0
        file.mux(video.encode(picture))
        file.mux(video.encode(None))
        stereo = np.stack([tone(seconds)] * 2, axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray((stereo * 32767).astype(np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), 0
        file.mux(audio.encode(frame))
        file.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize(
    ("name", "cover", "codecs"),
    [
        ("podcast.mp4", False, ("aac", "libx264")),
        ("podcast.mkv", False, ("flac", "libx264")),
        ("cover.mp3", True, ("libmp3lame", "png")),
    ],
)
async def test_one_picture_with_sound_is_sent_on_and_on(
    name: str, cover: bool, codecs: tuple[str, str], loop: bool, tmp_path: Path
) -> None:
    source = await open_it(song(tmp_path / name, 0.6, cover=cover, codecs=codecs), "video", fps=20, loop=loop)
    video, audio = source.open_tracks()
    sounds = asyncio.create_task(read(audio, 50 if loop else 10_000))
    pictures = await asyncio.wait_for(read(video, 25), 10)  # longer than the sound
    assert len(pictures) == 25
    assert all(seen(frame) == STORED.tolist() for _, frame in pictures)
    assert np.diff([frame.time for _, frame in pictures]).min() > 0
    heard = await asyncio.wait_for(sounds, 10)  # without a loop it ends, and the picture stays
    assert len(heard) == (50 if loop else pytest.approx(30, abs=4))
    await source.close()


async def test_a_picture_is_there_at_once_however_long_its_sound_is(tmp_path: Path) -> None:
    path = song(tmp_path / "long.mkv", 20, cover=False, codecs=("flac", "libx264"))
    source = await open_it(path, "video", start=3)
    video, audio = source.open_tracks()
    frame = await asyncio.wait_for(video.recv(), 10)
    assert frame.time < 1
    for track in (video, audio):
        track.stop()
    await source.close()


async def test_no_thread_is_left_when_a_photograph_is_not_wanted_any_more(tmp_path: Path) -> None:
    source = await open_it(song(tmp_path / "song.mp4", 0.2, cover=False, codecs=("aac", "libx264")), "video")
    video, audio = source.open_tracks()
    await video.recv()
    video.stop()
    await read(audio)
    (showing,) = source._showings
    (thread,) = showing.threads
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    await source.close()
