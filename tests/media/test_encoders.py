"""The encoders with real decoders: content, keyframes on request only, rates that follow, sizes that change."""

import av
import numpy as np
import pytest
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peer.media.base.encoder import TIME_BASE, VideoEncoder
from peer.media.encoders.h264 import H264Encoder
from peer.media.encoders.speed import SpeedChooser
from peer.media.encoders.vp8 import Vp8Encoder
from peer.rtp.keyframes import starts_keyframe
from peer.rtp.payload import MAX_PAYLOAD

CODECS = ["H264", "VP8"]


@pytest.fixture(autouse=True)
def in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that keeps up, whatever else it does: else another speed may be chosen, with a keyframe."""
    monkeypatch.setattr(SpeedChooser, "took", lambda *_: None)


def encoder(codec: str, bitrate: int = 1_000_000) -> VideoEncoder:
    return (H264Encoder if codec == "H264" else Vp8Encoder)(bitrate, 2_000_000)


def noisy(index: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    """Soft noise that drifts: it costs bits, as a camera's picture does."""
    source = np.random.default_rng(1)
    field = np.kron(source.integers(0, 255, (height // 8 + 40, width // 8 + 40)), np.ones((8, 8))).astype(np.uint8)
    luma = field[index : index + height, 2 * index : 2 * index + width]
    planes = np.vstack([luma, np.full((height // 2, width), 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
    frame.pts, frame.time_base = index * 3000, TIME_BASE
    return frame


def churning(index: int) -> av.VideoFrame:
    """Every picture is a new one: as many bits as there are."""
    source = np.random.default_rng(index)
    luma = np.kron(source.integers(0, 255, (60, 80)), np.ones((4, 4))).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, np.full((120, 320), 128, np.uint8)]), format="yuv420p")
    frame.pts, frame.time_base = index * 3000, TIME_BASE
    return frame


def decode(codec: str, pictures: list[list[bytes]]) -> list[av.VideoFrame]:
    parameters = RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90000, payloadType=97)
    context = av.CodecContext.create("h264" if codec == "H264" else "vp8", "r")
    frames: list[av.VideoFrame] = []
    for payloads in pictures:
        frames += context.decode(av.Packet(b"".join(depayload(parameters, payload) for payload in payloads)))
    return frames + list(context.decode(None))


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_come_back_and_only_wanted_ones_are_keyframes(codec: str) -> None:
    it = encoder(codec)
    sent = [noisy(index) for index in range(20)]
    coded = [it.encode(frame, keyframe=index == 10) for index, frame in enumerate(sent)]
    assert all(len(payload) <= MAX_PAYLOAD for payloads in coded for payload in payloads)
    assert [index for index, payloads in enumerate(coded) if starts_keyframe(codec, payloads[0])] == [0, 10]
    received = decode(codec, coded)
    assert len(received) == 20
    for before, after in zip(sent, received, strict=True):
        difference = before.to_ndarray()[:240].astype(int) - after.to_ndarray()[:240]
        assert np.mean(difference**2) < 300


@pytest.mark.parametrize("codec", CODECS)
def test_the_rate_follows_the_target_without_a_keyframe(codec: str) -> None:
    it = encoder(codec, 2_000_000)
    sizes = []
    for part, rate in enumerate((2_000_000, 1_100_000, 1_800_000)):
        it.bitrate = rate
        coded = [it.encode(churning(index), keyframe=False) for index in range(part * 60, part * 60 + 60)]
        assert not any(starts_keyframe(codec, payloads[0]) for payloads in coded[1:])
        assert not part or not starts_keyframe(codec, coded[0][0])
        sizes.append(sum(len(payload) for payloads in coded[-20:] for payload in payloads))
    assert sizes[1] < 0.7 * sizes[0]
    assert sizes[1] < 0.85 * sizes[2]


@pytest.mark.parametrize("codec", CODECS)
def test_a_rate_that_is_far_away_takes_a_new_encoder(codec: str) -> None:
    it = encoder(codec, 1_600_000)
    it.encode(noisy(0), keyframe=False)
    it.bitrate = 200_000
    assert starts_keyframe(codec, it.encode(noisy(1), keyframe=False)[0])


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_that_others_have_too_keeps_its_time(codec: str) -> None:
    frame = noisy(7)
    before = frame.pts, frame.time_base, frame.duration
    encoder(codec).encode(frame, keyframe=False)
    assert (frame.pts, frame.time_base, frame.duration) == before


@pytest.mark.parametrize("codec", CODECS)
def test_a_new_size_begins_with_a_keyframe(codec: str) -> None:
    it = encoder(codec)
    coded = [it.encode(noisy(0), keyframe=False), it.encode(noisy(1, 640, 360), keyframe=False)]
    assert starts_keyframe(codec, coded[1][0])
    assert [(frame.width, frame.height) for frame in decode(codec, coded)] == [(320, 240), (640, 360)]


@pytest.mark.parametrize("codec", CODECS)
def test_other_pixel_formats_are_converted_with_their_time(codec: str) -> None:
    frame = noisy(0).reformat(format="rgb24")
    frame.pts, frame.time_base = 0, TIME_BASE
    assert len(decode(codec, [encoder(codec).encode(frame, keyframe=False)])) == 1
