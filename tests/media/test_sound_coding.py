"""Every codec of sound that browsers know, fed with every form of sound, through the thread that codes it."""

import asyncio
import fractions
import itertools

import av
import numpy as np
import pytest
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peer._aiortc.encoder_thread import Coder
from peer.rtp.congestion import BitrateController

SECONDS = 1.0
TONE = 440
CODECS = {
    name: RTCRtpCodecParameters(mimeType=f"audio/{name}", clockRate=clock, channels=channels, payloadType=number)
    for name, clock, channels, number in [("PCMU", 8000, 1, 0), ("PCMA", 8000, 1, 8), ("G722", 8000, 1, 9)]
} | {"opus": RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=96)}


def tone(form: str, layout: str, rate: int, samples: int, begin: float = 0.0) -> list[av.AudioFrame]:
    """A second of a tone in frames of so many samples."""
    frames = []
    for first in range(0, int(SECONDS * rate), samples):
        times = begin + np.arange(first, first + samples) / rate
        wave = 0.5 * np.sin(2 * np.pi * TONE * times)
        channels = len(av.AudioLayout(layout).channels)
        data = np.repeat(wave[None], channels, 0)
        if form == "s16":
            data = (data.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(data, np.int16 if form == "s16" else np.float32), form, layout
        )
        frame.sample_rate, frame.pts = rate, round(begin * rate) + first
        frame.time_base = fractions.Fraction(1, rate)
        frames.append(frame)
    return frames


async def coded(name: str, frames: list[av.AudioFrame]) -> list[tuple[bytes, int]]:
    """The payloads with their times on the codec's clock."""
    coder = Coder(CODECS[name], BitrateController())
    packets = []
    try:
        for frame in frames:
            payloads, timestamp = await asyncio.wait_for(coder(frame, False), 10)
            packets += [(payload, timestamp + number * coder.samples) for number, payload in enumerate(payloads)]
    finally:
        coder.close()
    return packets


def assert_is_tone(name: str, packets: list[tuple[bytes, int]], seconds: float) -> None:
    """It is as long as it was, and has one time for each packet, and the tone."""
    assert {after[1] - before[1] for before, after in itertools.pairwise(packets)} == {CODECS[name].clockRate // 50}
    decoder = get_decoder(CODECS[name])
    frames = [frame for data, time in packets for frame in decoder.decode(JitterFrame(data, time))]
    samples = np.concatenate([frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0] for frame in frames])
    assert len(samples) / frames[0].sample_rate == pytest.approx(seconds, abs=0.06)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * frames[0].sample_rate / len(samples) == pytest.approx(TONE, abs=3)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(
    ("form", "layout", "rate", "samples"),
    [
        ("s16", "stereo", 48000, 960),
        ("s16", "mono", 48000, 4096),
        ("s16", "stereo", 44100, 1024),
        ("fltp", "stereo", 48000, 1024),
        ("fltp", "5.1", 48000, 960),
    ],
)
async def test_sound_comes_back(name: str, form: str, layout: str, rate: int, samples: int) -> None:
    assert_is_tone(name, await coded(name, tone(form, layout, rate, samples)), SECONDS)


@pytest.mark.parametrize("name", CODECS)
async def test_sound_whose_form_changes_comes_back(name: str) -> None:
    frames = [*tone("s16", "stereo", 48000, 960), *tone("fltp", "mono", 44100, 882, begin=SECONDS)]
    assert_is_tone(name, await coded(name, frames), 2 * SECONDS)
