"""A call is recorded as the partner coded it: by the recorder of a real peer, whose partner goes and comes again."""

import asyncio
from pathlib import Path

import av
import pytest

from peer import Peer
from peer.events import CallEnded, Notice
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import MEDIA, PATIENCE, of_file, see
from tests.peer.story import Story

SECONDS = 3.0


def codecs_of(path: Path) -> dict[str, str]:
    with av.open(str(path)) as file:
        return {stream.type: stream.codec_context.codec.canonical_name for stream in file.streams}


@pytest.mark.parametrize(
    ("suffix", "codec", "transcode", "expected"),
    [
        (".webm", "vp8", False, {"video": "vp8", "audio": "opus"}),
        (".mp4", "h264", False, {"video": "h264", "audio": "opus"}),
        (".mp4", "h264", True, {"video": "h264", "audio": "aac"}),
        (".mp4", "vp8", False, {"video": "h264", "audio": "aac"}),
    ],
)
async def test_each_call_is_in_a_file(
    suffix: str, codec: str, transcode: bool, expected: dict[str, str], tmp_path: Path
) -> None:
    path, story = tmp_path / f"call{suffix}", Story()
    async with (
        Relay(RelayConfig(port=0)) as relay,
        Peer(signaling=relay.url, record=path, transcode=transcode, on_event=story, **MEDIA) as peer,
    ):
        for number in range(2):
            async with Peer(role="answerer", signaling=relay.url, video_codec=codec, **MEDIA) as partner:
                await asyncio.gather(see(peer), see(partner))
                await asyncio.sleep(SECONDS)  # what is recorded is time
            async with asyncio.timeout(PATIENCE):
                await story.have(CallEnded, number + 1)
    files = await asyncio.to_thread(lambda: sorted(tmp_path.iterdir()))
    assert [file.name for file in files] == [f"call-2{suffix}", f"call{suffix}"]
    for file in files:
        assert codecs_of(file) == expected
        counters, tone = await asyncio.to_thread(of_file, file)
        assert len(counters) > SECONDS * 15 / 3
        assert counters == sorted(set(counters))
        assert tone == pytest.approx(TEST_TONE_HZ, abs=3)
    assert [notice for notice in story.of(Notice) if "recording" in notice.message] == []
