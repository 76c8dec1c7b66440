"""Coded pictures and sound, as a partner would send them: test pictures and any sound, by real encoders."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from peer.media.base.coded import CodedMedia
from peer.media.base.sound import BLOCK, block_frame
from peer.media.sources.drawn.testpattern import TestPicture

FPS = 25
ENCODERS = {
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0"}),
    "H264": ("libx264", {"preset": "superfast", "tune": "zerolatency", "forced-idr": "1", "profile": "baseline"}),
}


class Camera:
    """Codes test pictures: the first, and others where that is asked for, without reference to those before."""

    def __init__(self, codec: str, size: tuple[int, int]) -> None:
        name, options = ENCODERS[codec]
        self._codec = codec
        self._picture = TestPicture(*size)
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = size
        context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 90000), Fraction(FPS)
        context.gop_size, context.max_b_frames = 3000, 0
        context.bit_rate = 500_000
        context.options = options
        self._context = context

    def coded(self, number: int, *, keyframe: bool = False) -> CodedMedia:
        """The picture with this number, which is its counter."""
        frame = self._picture.draw(number, number / FPS)
        frame.pts, frame.time_base = number * 90000 // FPS, Fraction(1, 90000)
        frame.pict_type = av.video.frame.PictureType.I if keyframe else av.video.frame.PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return CodedMedia("video", self._codec, data, number / FPS)


def coded_sound(sound: np.ndarray) -> Iterator[CodedMedia]:
    """Packets of 20 ms; their time begins at 0."""
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = 48000, "stereo", "s16"
    number = 0
    samples = (np.stack([sound, sound], axis=1) * 32767).astype(np.int16)
    for block in samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK, 2):
        for packet in context.encode(block_frame(block)):
            yield CodedMedia("audio", "opus", bytes(packet), number * 0.02)
            number += 1


def in_order(*tracks: list[CodedMedia]) -> list[CodedMedia]:
    """As they would arrive."""
    return sorted((media for track in tracks for media in track), key=lambda media: media.time)
