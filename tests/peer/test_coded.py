"""Sinks can have the partner's media as it was coded: complete, in order, from a keyframe on."""

import asyncio
import itertools
from fractions import Fraction

import av
import pytest

from peer import Peer
from peer.media.base.coded import CodedFeed, CodedMedia
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import MEDIA, PATIENCE, see


class Collector:
    """Takes what is coded until there is enough of it, and asks for keyframes now and then."""

    def __init__(self, codecs: set[str]) -> None:
        self.media: dict[str, list[CodedMedia]] = {"video": [], "audio": []}
        self.enough = asyncio.Event()
        self.decoded = 0
        self._codecs = codecs
        self._feed: CodedFeed | None = None

    def takes_coded(self, feed: CodedFeed) -> bool:
        self._feed = feed
        return set(feed.codecs.values()) <= self._codecs

    def on_coded(self, media: CodedMedia) -> None:
        self.media[media.kind].append(media)
        video = self.media["video"]
        if self._feed and len(video) % 10 == 0:
            self._feed.request_keyframe()  # without it, there would only be the first for a long time
        if sum(picture.is_keyframe for picture in video) >= 3 and len(self.media["audio"]) >= 50:
            self.enough.set()

    def begin_call(self, kinds: frozenset[str]) -> None:
        pass

    def on_video(self, frame: av.VideoFrame) -> None:
        self.decoded += 1

    def on_audio(self, frame: av.AudioFrame) -> None:
        self.decoded += 1

    def end_call(self) -> None:
        pass

    async def close(self) -> None:
        pass


def decoded_counters(codec: str, media: list[CodedMedia]) -> list[int]:
    decoder = av.CodecContext.create({"VP8": "vp8", "H264": "h264"}[codec], "r")
    counters = []
    for number, picture in enumerate(media):
        packet = av.Packet(picture.data)
        packet.pts, packet.time_base = number, Fraction(1, 15)
        for frame in decoder.decode(packet):
            assert isinstance(frame, av.VideoFrame)
            if reading := read_test_picture(planes(frame)[0]):
                counters.append(reading.counter)
    return counters


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_what_is_coded_can_be_decoded_elsewhere(codec: str) -> None:
    collector, unwilling = Collector({codec, "opus"}), Collector({"VP9"})
    async with (
        Relay(RelayConfig(port=0)) as relay,
        Peer(signaling=relay.url, video_codec=codec.lower(), sinks=[collector, unwilling], **MEDIA) as peer,
        Peer(role="answerer", signaling=relay.url, **MEDIA),
    ):
        async with asyncio.timeout(PATIENCE):
            await collector.enough.wait()
        await see(peer)  # others go on getting pictures
    video, audio = collector.media["video"], collector.media["audio"]
    assert {picture.codec for picture in video} == {codec}
    assert {piece.codec for piece in audio} == {"opus"}
    keyframes = [number for number, picture in enumerate(video) if picture.is_keyframe]
    counters = decoded_counters(codec, video[keyframes[0] :])
    assert len(counters) >= len(video) - keyframes[0] - 3
    assert counters == sorted(set(counters))
    steps = [later.time - earlier.time for earlier, later in itertools.pairwise(audio)]
    assert steps.count(pytest.approx(0.02)) > len(steps) * 0.9
    assert collector.decoded == 0
    assert unwilling.decoded > 0
    assert unwilling.media == {"video": [], "audio": []}
