"""Live URLs: a real RTSP server and a real stream of JPEGs are played as they come, lost, and taken back."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from mediafiles import flash_and_beep, make_file
from noting import Notes
from playing import check_sync, counters

from peer.errors import MediaError
from peer.media.base.pictures import planes
from peer.media.base.source import Source, SourceRequest
from peer.media.sources.drawn.testpattern import TestPicture, read_test_picture
from peer.media.sources.film import file
from peer.media.sources.film.live import LiveClock
from peer.media.sources.opening import open_sources

PROGRAM = Path(__file__).with_name("rtsp_program.py")
PYTHON = "/usr/bin/python3"  # Debian's, which has its GStreamer
LOST = "The call goes on with a still picture until it is back"


@pytest.fixture(scope="module")
def camera_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds: a keyframe every half second, and a beep at each second."""
    path = tmp_path_factory.mktemp("camera") / "film.mp4"
    sound = flash_and_beep([1.0, 2.0, 3.0], 4.0)
    return make_file(path, seconds=4, sound=sound, coder={"bf": "0", "g": "15"})


@contextmanager
def rtsp_server(film: Path, port: str = "0", *account: str) -> Iterator[str]:
    """Its address."""
    with subprocess.Popen([PYTHON, str(PROGRAM), str(film), port, *account], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            yield f"rtsp://127.0.0.1:{int(server.stdout.readline())}/camera"
        finally:
            server.kill()


async def opened(url: str, notes: Notes, **request: object) -> Source:
    settings = SourceRequest(url, **request)  # type: ignore[arg-type]
    (source,) = await open_sources(settings, notes.append)
    return source


async def test_rtsp_is_played_in_sync_lost_and_taken_back(camera_film: Path, notes: Notes) -> None:
    with rtsp_server(camera_film, "0", "me", "secret") as url:
        source = await opened(url.replace("//", "//me:secret@"), notes)
        assert (source.label, source.kinds) == (url, {"audio", "video"})
        video, audio = source.open_tracks()
        pictures: list[tuple[float, av.VideoFrame | av.AudioFrame]] = []
        sounds: list[tuple[float, av.VideoFrame | av.AudioFrame]] = []

        async def listen() -> None:
            while True:
                sounds.append((0.0, await audio.recv()))

        times: list[float] = []

        async def look() -> av.VideoFrame:
            frame = await video.recv()
            times.append(frame.time)  # the last picture is given again with another time
            return frame

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(60):
            while len(notes) < 1:  # the film ends, and with it the stream
                pictures.append((0.0, await look()))
            stills = []
            while len(notes) < 2:  # it begins again for who connects again
                stills.append(await look())
            back = [await look() for _ in range(20)]
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await source.close()
    assert notes == [f"{url} ended. {LOST}", f"{url} is back"]
    assert "secret" not in "".join([*notes, source.label])
    there = counters(pictures)
    assert len(there) > 60
    assert counters([(0.0, stills[0])])[0] > 100  # the last of the film
    assert counters([(0.0, frame) for frame in back])[-1] < 60
    assert np.diff(times).min() > 0
    first = read_test_picture(planes(pictures[0][1])[0])
    assert first is not None
    beep = next(30 * second for second in (1, 2, 3) if 30 * second > first.counter + 15)
    start = next(index for index, (_, frame) in enumerate(pictures) if counters([(0.0, frame)])[0] > beep - 15)
    since = pictures[start][1].time or 0.0
    check_sync(unique(pictures[start:]), [each for each in sounds if (each[1].time or 0.0) > since], beep)


def unique(
    pictures: list[tuple[float, av.VideoFrame | av.AudioFrame]],
) -> list[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """Each picture once, though the last is given again while nothing comes."""
    seen: dict[int, tuple[float, av.VideoFrame | av.AudioFrame]] = {}
    for each in pictures:
        seen.setdefault(counters([each])[0], each)
    return list(seen.values())


async def test_a_wrong_password_is_one_line_without_it(camera_film: Path, notes: Notes) -> None:
    with rtsp_server(camera_film, "0", "me", "secret") as url:
        with pytest.raises(
            MediaError, match=r"^can't play rtsp://127.0.0.1:\d+/camera: .*(401|[Uu]nauthorized)"
        ) as caught:
            await opened(url.replace("//", "//me:wrong@"), notes)
        assert "wrong" not in str(caught.value)
        with pytest.raises(MediaError, match="it is live; leave --start out"):
            await opened(url.replace("//", "//me:secret@"), notes, start=1.0)


# ---- MJPEG over HTTP


def jpeg(counter: int, picture: TestPicture) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuvj420p"
    encoder.time_base = encoder.framerate = 1  # type: ignore[assignment]
    frame = picture.draw(counter, counter / 20).reformat(format="yuvj420p", dst_color_range="JPEG")
    return b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)]))


class JpegCamera:
    """Serves counting test pictures, 20 a second, as multipart/x-mixed-replace; a new part whenever one is due."""

    def __init__(self) -> None:
        picture = TestPicture(320, 240)
        self._jpegs = [jpeg(counter, picture) for counter in range(200)]
        self._begin = time.monotonic()
        self.clients: set[asyncio.StreamWriter] = set()
        self.silent = False

    @property
    def counter(self) -> int:
        """Of the picture that is due now."""
        return int((time.monotonic() - self._begin) * 20) % len(self._jpegs)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.add(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
            while not self.silent:
                body = self._jpegs[self.counter]
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
                writer.write(head + body + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.clients.discard(writer)
            writer.close()


@asynccontextmanager
async def jpeg_camera(port: int = 0) -> AsyncIterator[tuple[JpegCamera, str]]:
    camera = JpegCamera()
    async with await asyncio.start_server(camera.serve, "127.0.0.1", port) as server:
        yield camera, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/video.mjpg"
        for client in list(camera.clients):
            client.close()


async def newest(source: Source, camera: JpegCamera, count: int, pause: Callable[[int], float]) -> list[int]:
    """How many pictures behind the camera those are that a slow reader gets."""
    (track,) = source.open_tracks()
    behind = []
    for number in range(count):
        frame = await track.recv()
        reading = read_test_picture(planes(frame)[0])
        assert reading is not None
        behind.append((camera.counter - reading.counter) % 200)
        await asyncio.sleep(pause(number))
    track.stop()
    return behind


async def test_mjpeg_gives_the_newest_picture_however_slow_the_call_is(notes: Notes) -> None:
    async with jpeg_camera() as (camera, url):
        source = await opened(url.replace("//", "//me:secret@") + "?key=secret", notes, audio="none")
        assert source.label == url
        behind = await newest(source, camera, 12, lambda number: 0.4 if number % 2 else 0.0)
        await source.close()
    assert notes == []
    assert np.median(behind) <= 12  # without dropping, the last would be some 40 behind
    assert behind[-1] <= 20


async def test_a_lost_camera_is_taken_back_where_it_was(notes: Notes) -> None:
    async with jpeg_camera() as (_, url):
        source = await opened(url, notes, audio="none")
        (track,) = source.open_tracks()
        await track.recv()
    reading = asyncio.create_task(read_on(track))
    await notes.wait(1)
    port = int(url.rpartition(":")[2].partition("/")[0])
    async with jpeg_camera(port):
        await notes.wait(2)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await source.close()
    assert notes[0].endswith(LOST)
    assert notes[1] == f"{url} is back"


async def read_on(track: object) -> None:
    while True:
        await track.recv()  # type: ignore[attr-defined]


async def test_memory_stays_bounded_while_nobody_takes_the_pictures(notes: Notes) -> None:
    async with jpeg_camera() as (_, url):
        source = await opened(url, notes, audio="none")
        (track,) = source.open_tracks()
        await track.recv()
        await asyncio.sleep(1)
        before = psutil.Process().memory_info().rss
        await asyncio.sleep(2)  # 40 pictures
        grown = psutil.Process().memory_info().rss - before
        await source.close()
    assert grown < 8 << 20


async def test_a_url_that_answers_nothing_is_told_about_and_given_up(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "UNANSWERED", 0.2)
    monkeypatch.setattr(file, "PATIENCE", 1.0)
    async with await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/film.mp4"
        with pytest.raises(MediaError) as caught:
            await opened(url, notes)
    assert notes == [f"waiting for {url} to answer, for at most 1 s"]
    assert str(caught.value) == f"can't play {url}: no answer in 1 s; check the address"


# ---- the clock


def test_the_slower_kind_sets_the_pace() -> None:
    clock = LiveClock(("audio", "video"))
    for number in range(50):
        clock.arrived("audio", number * 0.02, 10 + number * 0.02)
        clock.arrived("video", number * 0.02, 10.2 + number * 0.02)
    assert clock.delay == pytest.approx(10.2)


def test_latency_that_is_gone_is_given_back() -> None:
    clock = LiveClock(("video",))
    for number in range(300):
        late = 1.0 if number < 100 else 0.0
        clock.arrived("video", number * 0.04, number * 0.04 + late)
    assert clock.delay == 0.0


def test_a_stall_moves_the_clock_at_once_and_jitter_does_not() -> None:
    clock = LiveClock(("video",))
    for number in range(50):
        clock.arrived("video", number * 0.04, number * 0.04 + (number % 3) * 0.01)
    assert clock.delay == 0.0
    clock.arrived("video", 50 * 0.04, 50 * 0.04 + 0.7)
    assert clock.delay == pytest.approx(0.7)
