"""Files of every sort: odd formats become what calls need, and bad ones are refused."""

import asyncio
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from mediafiles import flash_and_beep, make_file, strongest_frequency, tone
from playing import check_pictures, check_sync, heard, open_it, read

from peer.errors import MediaError
from peer.media.base.pictures import planes
from peer.media.sources.film.film import shown


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
