"""Colours are those of the source, whichever way it codes them: in what is sent, by each encoder, and in recordings."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from playing import open_it

from peer import FrameSource
from peer.media.base.encoder import TIME_BASE, prepared
from peer.media.base.pictures import planes, to_yuv420p
from peer.media.encoders.h264 import H264Encoder
from peer.media.sinks.recording.recording import Recording

COLOURS = [(192, 128, 96), (96, 160, 64), (64, 96, 192), (224, 224, 224), (253, 0, 0), (0, 250, 0), (0, 0, 255)]
NEAR = 2.1
"""Levels that a colour may be off: two roundings to whole numbers of Y, U and V."""
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""What red and blue weigh in luma, by the number of the matrix (ITU-T H.273 §8.3)."""
CELL = 16


def bars(channels: str = "RGB") -> np.ndarray[Any, Any]:
    """The colours side by side: height x width x channels."""
    line = [[dict(zip("RGBA", (*colour, 255), strict=True))[name] for name in channels] for colour in COLOURS]
    return np.repeat(np.repeat(np.array([line], np.uint8), CELL, axis=1), CELL, axis=0)


def coded(matrix: int, *, full: bool, pixels: str, size: tuple[int, int] | None = None) -> av.VideoFrame:
    """The colours in Y, U and V by a matrix, as floating-point arithmetic has them; tagged so."""
    red_weight, blue_weight = WEIGHTS[matrix]
    frame = av.VideoFrame(*(size or (CELL * len(COLOURS), CELL)), pixels)
    for number, (red, green, blue) in enumerate(COLOURS):
        luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
        u, v = (blue - luma) / 2 / (1 - blue_weight), (red - luma) / 2 / (1 - red_weight)
        scaled = (luma, 128 + u, 128 + v) if full else (16 + luma * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255)
        for plane, value in zip(planes(frame), scaled, strict=True):
            cell = plane.shape[1] // len(COLOURS)
            plane[:, number * cell : (number + 1) * cell] = round(min(max(value, 0), 255))
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


def off(frame: av.VideoFrame) -> float:
    """By how much the colours of a picture are off, read as BT.601 in limited range, whatever its tags say."""
    assert frame.format.name == "yuv420p"
    worst = 0.0
    for number, colour in enumerate(COLOURS):
        y, u, v = (
            float(plane[plane.shape[0] // 2, int((number + 0.5) * (plane.shape[1] // len(COLOURS)))])
            for plane in planes(frame)
        )
        luma, blue, red = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
        read = (luma + 1.402 * red, luma - 0.714136 * red - 0.344136 * blue, luma + 1.772 * blue)
        worst = max(worst, *(abs(a - b) for a, b in zip(read, colour, strict=True)))
    return worst


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_every_matrix_and_range_becomes_what_calls_carry(matrix: int, full: bool, pixels: str) -> None:
    frame = coded(matrix, full=full, pixels=pixels)
    converted = to_yuv420p(frame)
    assert off(converted) <= NEAR
    assert to_yuv420p(converted) is converted
    frame.pts, frame.time_base = 7, TIME_BASE
    assert off(prepared(frame)) <= NEAR  # as the encoders have it
    assert (prepared(frame).pts, prepared(frame).time_base) == (7, TIME_BASE)


@pytest.mark.parametrize(
    ("pixels", "channels"), [("rgb24", "RGB"), ("bgr24", "BGR"), ("rgba", "RGBA"), ("bgra", "BGRA"), ("gbrp", "RGB")]
)
def test_every_order_of_rgb_has_its_colours(pixels: str, channels: str) -> None:
    frame = av.VideoFrame.from_ndarray(bars(channels), format=pixels)
    assert off(to_yuv420p(frame)) <= NEAR
    frame.colorspace, frame.color_range = 0, 2  # as PNG has it
    assert off(to_yuv420p(frame)) <= NEAR


def test_grey_is_of_full_range() -> None:
    grey = av.VideoFrame.from_ndarray(np.full((16, 16), 224, np.uint8), format="gray")
    y, u, v = planes(to_yuv420p(grey))
    assert {int(y.min()), int(y.max())} == {208}  # 16 + 224 * 219 / 255
    assert {int(u.min()), int(v.max())} == {128}


@pytest.mark.parametrize("picture", [bars("BGR"), av.VideoFrame.from_ndarray(bars(), format="rgb24")])
async def test_what_a_program_sends_has_its_colours(picture: Any) -> None:
    source = FrameSource()
    source.send(picture)
    (track,) = source.open_tracks()
    assert off(await track.recv()) <= NEAR
    await source.close()


def make_film(path: Path, matrix: int, *, told: bool, size: tuple[int, int]) -> Path:
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if told:
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 1
        frame = coded(matrix, full=False, pixels="yuv420p", size=size)
        frame.pts = 0
        if not told:
            frame.colorspace, frame.color_range = 2, 0
        for number in range(3):
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("matrix", "told", "size"),
    [
        (1, True, (112, 64)),
        (6, True, (1344, 720)),
        (9, True, (112, 64)),
        (1, False, (1344, 720)),  # players tell by the size
        (6, False, (112, 64)),
    ],
)
async def test_a_film_has_its_colours(matrix: int, told: bool, size: tuple[int, int], tmp_path: Path) -> None:
    source = await open_it(make_film(tmp_path / "film.mp4", matrix, told=told, size=size))
    (track,) = source.open_tracks()
    assert off(await track.recv()) <= NEAR
    await source.close()


def test_h264_says_what_its_colours_are() -> None:
    frame = to_yuv420p(coded(1, full=False, pixels="yuv420p", size=(448, 256)))
    frame.pts, frame.time_base = 0, TIME_BASE
    payloads = H264Encoder(1_000_000, 1_000_000).encode(frame, keyframe=True)
    parameters = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90_000)
    picture = b"".join(depayload(parameters, payload) for payload in payloads)
    decoder: Any = av.CodecContext.create("h264", "r")
    (decoded,) = [*decoder.decode(av.Packet(picture)), *decoder.decode(None)]
    assert (decoded.colorspace, decoded.color_range) == (6, 1)
    assert off(decoded) <= 2 * NEAR  # it is coded with losses


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_recording_says_what_its_colours_are(suffix: str, tmp_path: Path) -> None:
    recording = Recording(tmp_path / f"call{suffix}", frozenset({"video"}), (448, 256))
    for number in range(5):
        recording.add_video(number / 10, coded(1, full=True, pixels="yuv420p", size=(448, 256)))
    recording.close()
    with av.open(str(tmp_path / f"call{suffix}")) as file:
        *_, last = file.decode(video=0)
    assert (last.colorspace in (5, 6), last.color_range) == (True, 1)
    assert off(last) <= 2 * NEAR  # it is coded with losses
