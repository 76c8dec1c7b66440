"""What the encoders that PyAV brings cost and give, each with one thread: which codecs are worth sending.

No call and no network: the peer's own encoders with their settings, and VP9 and AV1 with those for real time, code the
same pictures, as they are and with the noise of a camera's sensor.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from benchmarks.picture import MovingPicture, Texture
from benchmarks.samples import psnr
from benchmarks.tables import Table
from benchmarks.watch import median
from peer.media.base.encoder import VideoEncoder
from peer.media.base.pictures import planes
from peer.media.encoders.h264 import H264Encoder
from peer.media.encoders.vp8 import Vp8Encoder

WIDTH, HEIGHT, FPS = 1280, 720, 30
KBITS = (300, 1000, 2500)
PICTURES = 90
NOISE = 2.5
"""Standard deviation of a sensor's noise, of 256 levels."""
VP9 = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "aq-mode": "3", "static-thresh": "300"}
AV1 = {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:lp=1"}

Encode = Callable[[av.VideoFrame | None, bool], bytes]
"""Codes a picture, as a keyframe or not; None ends it."""


@dataclass(frozen=True)
class Codec:
    """One of the rows."""

    name: str
    decoder: str
    make: Callable[[int], Encode]
    """For so many bit/s."""


@dataclass(frozen=True)
class Outcome:
    """What came of one encoder with one picture at one rate. Times in seconds."""

    kbits: float
    coding: float
    first: float
    decoding: float
    psnr: float


def tabulate() -> Table:
    """A row for each codec, rate and picture."""
    os.environ.setdefault("SVT_LOG", "0")  # it would tell its settings on the terminal
    headings = ["", "kbit/s taken", "ms to code", "the first", "ms to decode", "PSNR dB"]
    table = Table(f"Codecs, {WIDTH}x{HEIGHT} at {FPS} frames/s, one thread, medians of {PICTURES} pictures", headings)
    for noise, kbits, codec in itertools.product((0.0, NOISE), KBITS, CODECS):
        outcome = measure(codec, kbits, noise)
        table.add(
            f"{kbits} kbit/s, {'camera noise' if noise else 'no noise'}: {codec.name}",
            f"{outcome.kbits:.0f}",
            f"{outcome.coding * 1000:.1f}",
            f"{outcome.first * 1000:.0f}",
            f"{outcome.decoding * 1000:.1f}",
            f"{outcome.psnr:.1f}",
        )
    return table


def measure(codec: Codec, kbits: int, noise: float) -> Outcome:
    """Code and decode all pictures; the likeness is that of the second half, when rates have settled."""
    encode, decoder = codec.make(kbits * 1000), av.CodecContext.create(codec.decoder, "r")
    decoder.thread_count = 1
    coding, decoding, likeness = [], [], []
    octets = 0
    for number, frame in enumerate(pictures(noise)):
        sent = planes(frame)[0].copy()
        began = time.perf_counter()
        data = encode(frame, number == 0)
        coded = time.perf_counter()
        shown: list[Any] = list(decoder.decode(av.Packet(data))) if data else []
        decoding.append(time.perf_counter() - coded)
        coding.append(coded - began)
        octets += len(data)
        if number > PICTURES // 2 and shown:
            likeness.append(psnr(sent, planes(shown[-1])[0]))
    encode(None, False)  # noqa: FBT003
    rate = octets * 8 / 1000 / (PICTURES / FPS)
    return Outcome(rate, median(coding), coding[0], median(decoding), median(likeness))


def pictures(noise: float) -> Iterator[av.VideoFrame]:
    """The same every time."""
    picture = MovingPicture([Texture.make(WIDTH, HEIGHT)], WIDTH, HEIGHT)
    chance = np.random.default_rng(1)
    grains = [chance.normal(0, noise, (HEIGHT, WIDTH)).round().astype(np.int16) for _ in range(6)]
    for number in range(PICTURES):
        frame = picture.draw(number, 0)
        luma = planes(frame)[0]
        luma[:] = (luma + grains[number % len(grains)]).clip(0, 255)
        frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
        yield frame


def _ours(mime_type: str, make: Callable[[int], VideoEncoder]) -> Callable[[int], Encode]:
    codec = RTCRtpCodecParameters(mimeType=mime_type, clockRate=90_000)

    def open_encoder(bitrate: int) -> Encode:
        encoder = make(bitrate)

        def encode(frame: av.VideoFrame | None, keyframe: bool) -> bytes:
            if frame is None:
                return b""
            return b"".join(depayload(codec, payload) for payload in encoder.encode(frame, keyframe=keyframe))

        return encode

    return open_encoder


def _other(name: str, options: Mapping[str, str]) -> Callable[[int], Encode]:
    def open_encoder(bitrate: int) -> Encode:
        context: Any = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 90_000), Fraction(FPS)
        context.bit_rate, context.gop_size, context.thread_count = bitrate, 3000, 1
        context.options = dict(options)

        def encode(frame: av.VideoFrame | None, keyframe: bool) -> bytes:
            return b"".join(bytes(packet) for packet in context.encode(frame))

        return encode

    return open_encoder


CODECS = (
    Codec("VP8, as the peer has it", "vp8", _ours("video/VP8", Vp8Encoder)),
    Codec("H264, as the peer has it", "h264", _ours("video/H264", lambda bitrate: H264Encoder(bitrate, bitrate))),
    Codec("VP9, libvpx", "vp9", _other("libvpx-vp9", VP9)),
    Codec("AV1, SVT-AV1", "libdav1d", _other("libsvtav1", AV1)),
)
