"""Two real peers call each other over a real relay: pictures are read, the tone is heard, both ways."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from peer import NotAdmittedError, Peer
from peer.events import CallEnded, Connected, Joined, Notice, Waiting
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import LEFT, MEDIA, PATIENCE, hear, see
from tests.peer.story import Story


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


@pytest.mark.parametrize("first", ["offerer", "answerer"])
@pytest.mark.parametrize("second", ["offerer", "answerer"])
async def test_both_see_and_hear_the_other_whatever_roles_they_ask_for(relay: Relay, first: str, second: str) -> None:
    stories = Story(), Story()
    async with (
        Peer(role=first, signaling=relay.url, on_event=stories[0], **MEDIA) as one,
        Peer(role=second, signaling=relay.url, on_event=stories[1], **MEDIA) as other,
    ):
        seen = await asyncio.gather(see(one), see(other))
        heard = await asyncio.gather(hear(one), hear(other))
        statistics = await asyncio.gather(one.statistics(), other.statistics())
    assert all(len(counters) == 5 for counters in seen)
    assert heard == pytest.approx([TEST_TONE_HZ] * 2, abs=3)
    assert all(one is not None and one.bytes_received > 10_000 for one in statistics)
    joined = [story.of(Joined)[0] for story in stories]
    assert [event.role for event in joined] == [
        first,
        {"offerer": "answerer", "answerer": "offerer"}[first],
    ]
    for story in stories:
        (connected,) = story.of(Connected)
        assert connected.path == "host-host"
        assert connected.codecs == {"audio": "opus", "video": "VP8"}
        assert 0 < connected.seconds < PATIENCE


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_the_codec_that_one_side_asks_for_is_used(relay: Relay, codec: str) -> None:
    story = Story()
    async with (
        Peer(role="answerer", signaling=relay.url, video_codec=codec, on_event=story, **MEDIA) as one,
        Peer(role="offerer", signaling=relay.url, **MEDIA) as other,
    ):
        await asyncio.gather(see(one), see(other))
    (connected,) = story.of(Connected)
    assert connected.codecs["video"] == codec.upper()


@pytest.mark.parametrize("silent", ["video", "audio"])
async def test_a_side_that_sends_only_one_kind_still_gets_both(relay: Relay, silent: str) -> None:
    async with (
        Peer(role="offerer", signaling=relay.url, **{**MEDIA, silent: "none"}) as one,
        Peer(role="answerer", signaling=relay.url, **MEDIA) as other,
    ):
        await asyncio.gather(see(one), hear(one), hear(other) if silent == "video" else see(other))


async def test_a_side_that_sends_nothing_sees_and_hears(relay: Relay) -> None:
    async with (
        Peer(role="answerer", signaling=relay.url, video="none", audio="none") as one,
        Peer(role="offerer", signaling=relay.url, **MEDIA),
    ):
        await asyncio.gather(see(one), hear(one))


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_partners_come_and_go(relay: Relay, role: str) -> None:
    story = Story()
    async with Peer(role=role, signaling=relay.url, on_event=story, **MEDIA) as one:
        frames = one.video_frames()
        for number in range(1, 4):
            async with Peer(role="offerer", signaling=relay.url, **MEDIA) as partner:
                await asyncio.gather(see(one), see(partner))
            ended = await story.have(CallEnded, number)
            assert ended.reason in LEFT
            assert ended.received.video_frames >= 5
            assert (ended.received.width, ended.received.height) == (320, 240)
            assert ended.sent.audio_frames > 0
            await story.have(Waiting, number + 1)
        assert one.calls == 3
        assert await anext(frames) is not None  # one stream goes on from call to call
    assert story.names().count("problem") == 0


async def test_the_relay_dies_and_comes_back_and_the_call_does_not_notice(relay: Relay) -> None:
    stories = Story(), Story()
    port = relay.address[1]
    async with (
        Peer(role="offerer", signaling=relay.url, on_event=stories[0], **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, on_event=stories[1], **MEDIA) as other,
    ):
        before = await asyncio.gather(see(one), see(other))
        await relay.close()
        during = await asyncio.gather(see(one, more_than=before[0][-1]), see(other, more_than=before[1][-1]))
        async with Relay(RelayConfig(port=port)):
            assert [await story.have(Notice) for story in stories] == [Notice("the relay is back")] * 2
            await asyncio.gather(see(one, more_than=during[0][-1]), see(other, more_than=during[1][-1]))
            assert [story.names().count("connected") for story in stories] == [1, 1]
            # And the next call comes up by way of the new relay.
            await other.__aexit__(None, None, None)
            await stories[0].have(CallEnded)
            async with Peer(role="answerer", signaling=relay.url, **MEDIA) as third:
                await asyncio.gather(see(one), see(third))


async def test_two_rooms_do_not_meet(relay: Relay) -> None:
    story = Story()
    async with (
        Peer(signaling=relay.url, room="one", on_event=story, **MEDIA),
        Peer(signaling=relay.url, room="two", **MEDIA) as lonely,
        Peer(signaling=relay.url, room="one", **MEDIA) as partner,
    ):
        await see(partner)
        assert lonely.calls == 0
        with pytest.raises(NotAdmittedError, match=r"full.*--room"):
            async with Peer(signaling=relay.url, room="one", **MEDIA) as third:
                await third.wait()


async def test_streams_end_with_the_peer(relay: Relay) -> None:
    async with Peer(signaling=relay.url, **MEDIA) as one:
        frames, sounds = one.video_frames(), one.audio_frames()
    assert [frame async for frame in frames] == []
    assert [frame async for frame in sounds] == []


async def test_frames_end_when_the_peer_has_ended(relay: Relay) -> None:
    """A program that only iterates is not left waiting for a call that never comes."""
    async with Peer(role="answerer", signaling=relay.url, once=True, **MEDIA) as peer_:
        async with Peer(role="offerer", signaling=relay.url, **MEDIA) as partner:
            await see(partner)
        async with asyncio.timeout(PATIENCE):
            async for _ in peer_.video_frames():
                pass
        await peer_.wait()
