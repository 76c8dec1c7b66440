"""The examples, each as a user runs it: a process of its own, against a real relay and a real peer."""

import ast
import asyncio
import importlib.util
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from peer import Peer
from peer.media.sources.drawn.testpattern import read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
SCREEN = (1280, 800)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


@asynccontextmanager
async def example(name: str, *arguments: str, **environment: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / name,
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def output_until(process: Process, text: str) -> str:
    """Read what a process prints until `text` is in it."""
    assert process.stdout
    said = ""
    while text not in said:
        line = (await process.stdout.readline()).decode()
        assert line, f"ended before it said {text!r}: {said}"
        said += line
    return said


async def result_of(process: Process) -> tuple[int | None, str, str]:
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_example_says_how_to_run_it_and_is_listed(program: Path) -> None:
    docstring = ast.get_docstring(ast.parse(program.read_text())) or ""
    assert f"python examples/{program.name}" in docstring
    assert f"[{program.name}]({program.name})" in (EXAMPLES / "README.md").read_text()
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert program.name.removesuffix(".py") in tests, "no test runs it"


@pytest.mark.parametrize("program", ["show_frames.py", "count_frames.py", "record_calls.py"])
async def test_an_example_without_a_relay_says_so_in_one_line(program: str, tmp_path: Path) -> None:
    nowhere = "ws://localhost:9"  # discard: nothing has listened there for decades
    arguments = {"count_frames.py": ["lab"], "record_calls.py": [str(tmp_path / "call.mp4")]}.get(program, [])
    async with example(program, *arguments, nowhere) as process:
        code, _, errors = await result_of(process)
    assert code == 1
    assert errors.startswith(program.removesuffix(".py"))
    assert errors.count("\n") == 1
    assert nowhere in errors


async def test_count_frames_succeeds_when_pictures_come(relay: Relay) -> None:
    async with (
        Peer(room="lab", signaling=relay.url, video="test", audio="none", size="640x480"),
        example("count_frames.py", "lab", relay.url) as process,
    ):
        code, output, errors = await result_of(process)
    assert (code, output, errors) == (0, "100 pictures came, the last one 640x480\n", "")


async def test_count_frames_fails_when_none_come(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("count_frames", EXAMPLES / "count_frames.py")
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "SECONDS", 2)
    async with Peer(room="lab", signaling=relay.url, video="none", audio="test"):
        assert await program.count("lab", relay.url) is False
    assert capsys.readouterr().err == "only 0 of 100 pictures came within 2 s\n"


async def test_record_calls_makes_a_file_for_each_call(relay: Relay, tmp_path: Path) -> None:
    async with example("record_calls.py", str(tmp_path / "call.mp4"), relay.url) as process:
        await output_until(process, "waiting for a partner")
        for _ in range(2):
            async with Peer(signaling=relay.url, video="test", audio="test", size="640x480", duration=2.0) as partner:
                await partner.wait()
            await output_until(process, "waiting for a partner")
        process.send_signal(signal.SIGINT)
        code, output, errors = await result_of(process)
    assert (code, errors) == (0, "")
    files = [tmp_path / "call.mp4", tmp_path / "call-2.mp4"]
    assert [line for line in output.splitlines() if line.startswith("recorded")] == [f"recorded {f}" for f in files]
    for file in files:
        with av.open(str(file)) as film:
            pictures = [read_test_picture(frame.to_ndarray()[: frame.height]) for frame in film.decode(video=0)]
        with av.open(str(file)) as film:
            samples = sum(frame.samples for frame in film.decode(audio=0))
        assert sum(reading is not None for reading in pictures) > 20
        assert samples > 48000


async def test_read_test_picture_reads_it() -> None:
    async with example("read_test_picture.py") as process:
        code, output, errors = await result_of(process)
    assert (code, errors) == (0, "")
    match = re.fullmatch(
        r"(?:a picture can't be read\n)*"
        r"100 pictures came, (\d+) between them were lost; half were younger than (\d+) ms\n",
        output,
    )
    assert match, output


@pytest.fixture
async def display() -> AsyncIterator[str]:
    """A screen in memory."""
    size = "{}x{}x24".format(*SCREEN)
    server = await asyncio.create_subprocess_exec("Xvfb", "-displayfd", "1", "-screen", "0", size, stdout=PIPE)
    assert server.stdout
    number = (await server.stdout.readline()).decode().strip()
    yield f":{number}"
    server.terminate()
    await server.wait()


def screens(display: str) -> Iterator[np.ndarray]:
    """What the screen shows, as RGB, ten times a second."""
    options = {"video_size": "{}x{}".format(*SCREEN), "framerate": "10", "draw_mouse": "0"}
    with av.open(display, format="x11grab", options=options) as grabber:
        for frame in grabber.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def has_colour_bars(screen: np.ndarray) -> bool:
    """Whether some line shows the bars in their order: each has its own set of bright colour channels."""
    for line in screen[:: SCREEN[1] // 40]:
        bright = [tuple(pixel > 100) for pixel in line.astype(int)[::8]]
        runs = [colour for colour, before in zip(bright, [None, *bright], strict=False) if colour != before]
        if all(colour in runs for colour in BARS) and [run for run in runs if run in BARS][: len(BARS)] == BARS:
            return True
    return False


BARS = [(True, True, False), (False, True, True), (False, True, False), (True, False, True), (True, False, False)]
"""Yellow, cyan, green, magenta, red, as red, green and blue are bright in them."""


async def test_show_frames_shows_the_partners_picture(relay: Relay, display: str) -> None:
    def wait_for_the_picture() -> None:
        assert any(has_colour_bars(screen) for screen, _ in zip(screens(display), range(300), strict=False))

    async with (
        example("show_frames.py", relay.url, DISPLAY=display) as process,
        Peer(role="answerer", signaling=relay.url, video="test", audio="none", size="640x480"),
    ):
        await asyncio.to_thread(wait_for_the_picture)
        process.send_signal(signal.SIGINT)
        code, output, _ = await result_of(process)
    assert code == 0
    assert "connected after" in output
