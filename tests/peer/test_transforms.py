"""Transforms of the command and of the class, in a call, seen at the far end."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from peer import Peer, UsageError
from peer.events import Notice
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.network.processes import Process
from tests.peer.content import MEDIA, OPTIONS, PATIENCE, see
from tests.peer.story import Story
from tests.peer.test_cli_errors import assert_fails, run


@pytest.fixture
def relay() -> Iterator[str]:
    with Process([sys.executable, "-m", "signaling", "--port", "0"]) as process:
        yield process.wait_for(r"ws://localhost:\d+", timeout=PATIENCE)[0]


async def colour(peer: Peer) -> np.ndarray:
    """The mean colour, in BGR, of a picture of the partner."""
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.video_frames():
            return frame.to_ndarray(format="bgr24").astype(int).mean((0, 1))
    raise AssertionError("no picture came")


def blue(picture: np.ndarray) -> np.ndarray:
    picture[:] = (255, 0, 0)
    return picture


async def test_what_is_sent_and_what_is_received_can_be_transformed(relay: str) -> None:
    def red(picture: np.ndarray) -> np.ndarray:
        return np.full_like(picture, (0, 0, 255))

    async with (
        Peer(signaling=relay, transform=blue, transform_received=red, **MEDIA) as one,
        Peer(role="answerer", signaling=relay, **MEDIA) as other,
    ):
        sent, received = await asyncio.gather(colour(other), colour(one))
    assert np.abs(sent - (255, 0, 0)).max() < 20
    assert np.abs(received - (0, 0, 255)).max() < 20


async def test_a_slow_transform_adds_its_own_time_only_and_the_sound_goes_on() -> None:
    """Pictures are dropped: what is shown is never much older than the transform takes."""
    seconds = 0.2

    def slow(picture: np.ndarray) -> np.ndarray:
        time.sleep(seconds)
        return picture

    async with (
        Relay(RelayConfig(port=0)) as its_relay,
        Peer(signaling=its_relay.url, transform=slow, **MEDIA),
        Peer(role="answerer", signaling=its_relay.url, video="none", audio="none") as other,
    ):
        counters = await see(other, 8)
    # At 15 a second, a transform of 0.2 s lets every third picture through at most.
    assert np.diff(counters).min() >= 2


async def test_a_transform_that_fails_in_a_call_is_told_once(relay: str) -> None:
    story = Story()

    def broken(picture: np.ndarray) -> np.ndarray:
        raise RuntimeError("no good")

    async with (
        Peer(signaling=relay, transform=broken, on_event=story, **MEDIA),
        Peer(role="answerer", signaling=relay, video="none", audio="none") as other,
    ):
        await see(other)
    notices = [notice.message for notice in story.of(Notice)]
    assert sum("broken raised RuntimeError: no good" in message for message in notices) == 1
    with pytest.raises(UsageError, match="must be a function"):
        Peer(transform=3)


async def test_the_command_finds_a_function_in_the_current_directory(relay: str, tmp_path: Path) -> None:
    (tmp_path / "shades.py").write_text(
        "import numpy as np\ndef green(picture):\n    return np.full_like(picture, (0, 255, 0))\n"
    )
    command = [sys.executable, "-m", "peer", "--signaling", relay, *OPTIONS, "--transform", "shades:green"]
    with Process(command, cwd=tmp_path):
        async with Peer(role="answerer", signaling=relay, video="none", audio="none") as other:
            assert np.abs(await colour(other) - (0, 255, 0)).max() < 20


@pytest.mark.parametrize("option", ["--transform", "--transform-received"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("edges", "MODULE:FUNCTION"),
        (":edges", "MODULE:FUNCTION"),
        ("no_such_module:f", "no module no_such_module"),
        ("no_such_file.py:f", "no file no_such_file.py"),
        ("json:no_such_function", "no no_such_function in json"),
        ("json:__name__", "no function"),
    ],
)
def test_a_transform_that_is_not_there_is_a_usage_error(option: str, value: str, words: str) -> None:
    assert_fails(run(option, value), 2, option, words)
