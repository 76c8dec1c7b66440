"""The examples that work on pictures, each in a real call, with a partner who shows them something."""

import asyncio
import importlib.util
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import pytest

from peer import FrameSource, Peer
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.examples.test_examples import EXAMPLES, example, output_until, result_of

PATIENCE = 40.0


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def pictures(peer: Peer) -> AsyncIterator[np.ndarray]:
    """The partner's pictures, as BGR."""
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.video_frames():
            yield frame.to_ndarray(format="bgr24")


async def test_edges_sends_lines(relay: Relay) -> None:
    async with example("edges.py", relay.url) as process:
        await output_until(process, "waiting for a partner")
        async with Peer(signaling=relay.url, video="none", audio="none") as partner:
            async for picture in pictures(partner):
                assert np.mean((picture < 60) | (picture > 195)) > 0.9  # black and white, as well as it is coded
                assert 0.001 < np.mean(picture > 195) < 0.3
                break
        process.send_signal(signal.SIGINT)
        code, output, errors = await result_of(process)
    assert (code, errors) == (0, "")
    assert "transform" not in output


async def test_blur_faces_sends_pictures(relay: Relay) -> None:
    async with example("blur_faces.py", relay.url) as process:
        await output_until(process, "waiting for a partner")
        async with Peer(signaling=relay.url, video="none", audio="none") as partner:
            async for picture in pictures(partner):
                assert picture.std() > 20
                break
        process.send_signal(signal.SIGINT)
        code, output, errors = await result_of(process)
    assert (code, errors) == (0, "")
    assert "transform" not in output


@pytest.mark.skipif(hasattr(cv2, "CascadeClassifier"), reason="this OpenCV finds faces by their shape")
async def test_blur_faces_blurs_skin_and_nothing_else(relay: Relay) -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    picture[::16] = picture[:, ::16] = 200  # a fine grid, to see what is blurred
    face = np.zeros((480, 640), np.uint8)
    cv2.ellipse(face, (420, 240), (90, 120), 0, 0, 360, 255, -1)
    picture[face > 0] = (120, 150, 210)
    picture[(face > 0) & (np.arange(480)[:, None] % 16 < 3)] = (80, 110, 170)
    source = FrameSource()
    source.send(picture)
    async with (
        Peer(signaling=relay.url, sources=[source], audio="none", transform=program("blur_faces").blur_faces),
        Peer(signaling=relay.url, video="none", audio="none") as partner,
    ):
        seen = await anext(pictures(partner))
    detail = np.abs(np.diff(seen.astype(int), axis=0)).mean(2)
    before = np.abs(np.diff(picture.astype(int), axis=0)).mean(2)
    inside, outside = np.s_[180:300, 380:460], np.s_[20:460, 20:300]
    assert before[inside].mean() > 3
    assert detail[inside].mean() < 0.4 * before[inside].mean()
    assert detail[outside].mean() > 0.7 * before[outside].mean()


async def test_read_qr_codes_reads_one(relay: Relay) -> None:
    text = "tel:+49 30 1234567"
    code = cv2.copyMakeBorder(cv2.QRCodeEncoder.create().encode(text), 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=255)
    code = cv2.resize(code, (480, 480), interpolation=cv2.INTER_NEAREST)
    source = FrameSource()
    source.send(np.repeat(code[:, :, None], 3, axis=2))
    async with (
        example("read_qr_codes.py", relay.url) as process,
        Peer(signaling=relay.url, sources=[source], audio="none"),
    ):
        output = await asyncio.wait_for(output_until(process, "QR code:"), PATIENCE)
        process.send_signal(signal.SIGINT)
        exit_code, rest, errors = await result_of(process)
    assert f"QR code: {text!r}\n" in output
    assert (exit_code, errors) == (0, "")
    assert "QR code" not in rest  # once


async def test_slow_model_leaves_pictures_out(relay: Relay) -> None:
    async with (
        example("slow_model.py", relay.url) as process,
        Peer(signaling=relay.url, video="test", audio="none", size="320x240"),
    ):
        output = ""
        for _ in range(5):
            output += await asyncio.wait_for(output_until(process, "left out"), PATIENCE)
        process.send_signal(signal.SIGINT)
        code, _, errors = await result_of(process)
    assert (code, errors) == (0, "")
    lines = re.findall(r"^ *([\d.]+) s: \w+; (\d+) pictures left out so far$", output, re.MULTILINE)
    assert len(lines) == 5
    (first, first_left), (last, last_left) = lines[0], lines[-1]
    assert float(last) - float(first) >= 0.6  # seconds: four times the model's 0.2, and most of it kept up
    assert int(last_left) - int(first_left) >= 8  # of some 24


async def test_record_motion_records_what_moves(relay: Relay, tmp_path: Path) -> None:
    file, source = tmp_path / "motion.mp4", FrameSource()

    async def show(seconds: float, *, moving: bool) -> None:
        for number in range(round(seconds * 15)):
            picture = np.full((240, 320, 3), 60, np.uint8)
            left = 20 + number * 12 % 200 if moving else 20
            picture[80:160, left : left + 60] = 220
            source.send(picture)
            await asyncio.sleep(1 / 15)

    async with (
        example("record_motion.py", str(file), relay.url) as process,
        Peer(signaling=relay.url, sources=[source], audio="none"),
    ):
        await output_until(process, "connected after")
        await show(1.5, moving=False)
        moving = asyncio.create_task(show(1.5, moving=True))
        await asyncio.wait_for(output_until(process, "something moves"), PATIENCE)
        await moving
        still = asyncio.create_task(show(PATIENCE, moving=False))
        await asyncio.wait_for(output_until(process, "it is quiet again"), PATIENCE)
        still.cancel()
        process.send_signal(signal.SIGINT)
        code, output, errors = await result_of(process)
    assert (code, errors) == (0, "")
    assert output.splitlines()[-1] == f"recorded {file}"
    with av.open(str(file)) as film:
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in film.decode(video=0)]
    assert len(frames) > 15
    assert np.abs(frames[0] - frames[len(frames) // 4]).mean() > 2  # it moves at the beginning, and then not
    assert np.abs(frames[-1] - frames[-5]).mean() < 2
