"""Sources of a program, in place of devices and files, seen at the far end."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from peer import FrameSource, Peer, UsageError
from peer.events import SourceOpened
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ
from peer.media.sources.drawn.testsource import TestSource
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import PATIENCE, hear
from tests.peer.story import Story


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


async def test_the_partner_sees_what_the_program_draws_and_hears_its_sound(relay: Relay) -> None:
    pictures, story = FrameSource("drawing"), Story()
    sound = TestSource({"audio"})
    async with (
        Peer(signaling=relay.url, sources=[pictures, sound], on_event=story),
        Peer(signaling=relay.url, video="none", audio="none") as partner,
    ):
        picture = np.zeros((240, 320, 3), np.uint8)
        picture[:, :160] = (0, 0, 255)  # red in BGR
        picture[:, 160:] = (255, 0, 0)
        pictures.send(picture)
        async with asyncio.timeout(PATIENCE):
            async for frame in partner.video_frames():
                seen = frame.to_ndarray(format="bgr24").astype(int)
                break
        assert seen.shape == (240, 320, 3)
        assert np.abs(seen[:, :150].mean((0, 1)) - (0, 0, 255)).max() < 20
        assert np.abs(seen[:, 170:].mean((0, 1)) - (255, 0, 0)).max() < 20
        assert await hear(partner) == pytest.approx(TEST_TONE_HZ, abs=3)
    assert story.of(SourceOpened) == [SourceOpened("drawing", ["video"]), SourceOpened("tone", ["audio"])]


async def test_what_no_source_gives_is_as_the_options_say(relay: Relay) -> None:
    story = Story()
    async with Peer(signaling=relay.url, sources=[FrameSource("mine")], audio="test", on_event=story):
        pass
    assert [event.label for event in story.of(SourceOpened)] == ["mine", "tone"]


def test_two_sources_of_one_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="two sources of video"):
        Peer(sources=[FrameSource(), FrameSource()])
    with pytest.raises(UsageError, match="two sources of video"):
        Peer(sources=[FrameSource()], video="test")
