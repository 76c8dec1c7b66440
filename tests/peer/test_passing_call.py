"""A film whose pictures are sent as they are: what the partner decodes is, bit by bit, what is in the film."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from peer import Peer
from peer.events import CallEnded, Notice
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.media.mediafiles import make_file, tone
from tests.peer.content import PATIENCE, hear
from tests.peer.story import Story

PASSED = "are sent as they are"
X264 = {"bf": "0", "g": "15", "preset": "ultrafast"}
VPX = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "g": "15"}
LISTENER: dict[str, Any] = {"role": "answerer", "video": "none", "audio": "none"}


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


def film(folder: Path, codec: str, suffix: str = "", **changed: Any) -> Path:
    coders = {"h264": ("libx264", "aac", X264), "vp8": ("libvpx", "libopus", VPX)}
    picture, sound, coder = coders[codec]
    path = folder / f"film{suffix or {'h264': '.mp4', 'vp8': '.webm'}[codec]}"
    given: dict[str, Any] = {"seconds": 3, "sound": tone(3), "codecs": (picture, sound), "coder": coder} | changed
    return make_file(path, **given)


def pictures_of(path: Path) -> dict[int, np.ndarray[Any, Any]]:
    """The planes of a film's pictures by their counters."""
    with av.open(str(path)) as file:
        return dict(map(read, file.decode(video=0)))


def read(frame: av.VideoFrame) -> tuple[int, np.ndarray[Any, Any]]:
    reading = read_test_picture(planes(frame)[0])
    return (reading.counter if reading else -1), np.concatenate([plane.ravel() for plane in planes(frame)])


async def watch(peer: Peer, count: int) -> list[tuple[int, np.ndarray[Any, Any]]]:
    seen: list[tuple[int, np.ndarray[Any, Any]]] = []
    async with asyncio.timeout(PATIENCE):
        async for frame in peer.video_frames(limit=200):
            seen.append(read(frame))
            if len(seen) == count:
                break
    return seen


def share_alike(seen: list[tuple[int, np.ndarray[Any, Any]]], path: Path) -> float:
    """How much of what was seen is exactly as it is in the film."""
    there = pictures_of(path)
    return sum(counter in there and np.array_equal(there[counter], picture) for counter, picture in seen) / len(seen)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("h264", ".mkv"), ("h264", ".ts"), ("vp8", ".webm")])
async def test_the_partner_gets_the_very_bits_of_the_film(
    relay: Relay, codec: str, suffix: str, role: str, tmp_path: Path
) -> None:
    path = film(tmp_path, codec, suffix)
    story = Story()
    other = {"offerer": "answerer", "answerer": "offerer"}[role]
    async with (
        Peer(role=other, signaling=relay.url, video_codec=codec, video="none", audio="none") as partner,
        Peer(role=role, signaling=relay.url, video=str(path), loop=True, on_event=story) as sender,
    ):
        seen, pitch = await asyncio.gather(watch(partner, 100), hear(partner))
        assert sender.calls == 1
    assert share_alike(seen[-50:], path) == 1.0  # before that, the partner may have missed the beginning
    assert pitch == pytest.approx(440, abs=5)
    assert [notice.message for notice in story.of(Notice) if PASSED in notice.message] == [
        f"the pictures of {path.name} {PASSED} ({codec.upper()}), without coding them anew"
    ]
    (ended,) = story.of(CallEnded)
    assert (ended.sent.width, ended.sent.height) == (320, 240)
    assert ended.sent.video_frames >= 100


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({"coder": {"bf": "2", "g": "15"}}, {}),
        ({"pixels": "yuv444p"}, {}),
        ({}, {"reencode": True}),
        ({}, {"size": (160, 120)}),
        ({}, {"fps": 10.0}),
        ({}, {"video_codec": "vp8"}),
    ],
    ids=["order", "pixels", "reencode", "size", "fps", "codec"],
)
async def test_what_does_not_fit_is_coded_anew(
    relay: Relay, changed: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    path = film(tmp_path, "h264", **changed)
    story = Story()
    async with (
        Peer(signaling=relay.url, **LISTENER) as partner,
        Peer(signaling=relay.url, video=str(path), loop=True, on_event=story, **{"video_codec": "h264"} | options),
    ):
        seen = await watch(partner, 20)
    assert share_alike(seen, path) < 0.1
    assert all(counter >= 0 for counter, _ in seen) or options.get("size")
    assert [notice for notice in story.of(Notice) if PASSED in notice.message] == []


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_a_partner_who_lost_something_gets_a_keyframe_before_the_film_has_one(
    relay: Relay, codec: str, tmp_path: Path
) -> None:
    """Pictures are coded anew until then, in their order; with the film's next keyframe they pass again."""
    coder = (X264 if codec == "h264" else VPX) | {"g": "60", "keyint_min": "60"}
    path = film(tmp_path, codec, coder=coder, seconds=20, sound=None, size=(160, 120))
    there = pictures_of(path)
    counters: list[int] = []
    expected = [True, False, True]  # whether pictures are those of the film
    async with (
        asyncio.timeout(PATIENCE),
        Peer(signaling=relay.url, **LISTENER) as partner,
        Peer(signaling=relay.url, video=str(path), audio="none", video_codec=codec),
    ):
        async for frame in partner.video_frames(limit=200):
            counter, picture = read(frame)
            counters.append(counter)
            if np.array_equal(there[counter], picture) is expected[0]:
                del expected[0]
                if not expected:
                    break
            if not expected[0]:  # again and again, as one that comes soon after a keyframe is not answered
                partner._driver.call.connection.request_keyframe()  # type: ignore[union-attr] # a call is up
    assert counters == sorted(set(counters))
    assert np.diff(counters).max() < 15  # some are left out where the decoder has to catch up
