"""VP8 by libvpx, with settings for real time, and a bitrate that changes without a new encoder or a keyframe."""

import random
import time
from typing import TYPE_CHECKING

import av

from peer.media.base.encoder import FPS, KEYFRAME_EVERY, TIME_BASE, VIDEO_CLOCK, Packet, mark, prepared, threads
from peer.media.encoders.speed import Speed, SpeedChooser
from peer.rtp.payload import vp8_payloads

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

LEAST_SHARE, LARGEST_SHARE = 0.25, 4.0
"""Of the rate that it was opened for: beyond these it is made anew, with a keyframe."""
BUFFER_SECONDS = 0.75
"""What the rate may be overdrawn by: with half a second the first pictures are 2 dB worse than with a whole one, with
which a keyframe is twice as large (seen)."""
FRAME_TICKS = VIDEO_CLOCK // 30
LONGEST_TICKS = VIDEO_CLOCK // 5


class Vp8Encoder:
    """One layer, no lag, one token partition.

    libvpx through FFmpeg can't be told a new rate. But it gives a picture as many bits as the time that it lasts is
    worth, so that a clock which runs at half the speed halves the rate, from the next picture on.
    """

    def __init__(self, bitrate: int, maximum: int | None = None) -> None:
        self.bitrate = bitrate
        self.maximum = maximum or bitrate
        self._context: VideoCodecContext | None = None
        self._rate = 0
        self._speed: Speed | None = None
        self._chooser = SpeedChooser()
        self._picture_id = random.randrange(1 << 15)  # noqa: S311 only a starting point
        self._clock = 0.0
        """Time as libvpx is told it, in ticks of `TIME_BASE`."""
        self._last_ticks: float | None = None
        self._interval = float(FRAME_TICKS)
        """Ticks between two pictures, smoothed."""

    def encode(self, frame: av.VideoFrame, *, keyframe: bool) -> list[bytes]:
        """The payloads of the next picture."""
        frame = prepared(frame)
        elapsed = self._elapsed(frame)
        context, keyframe = self._fitting(frame.width, frame.height, keyframe=keyframe)
        mark(frame, keyframe=keyframe)
        own = frame.pts, frame.time_base, frame.duration
        if keyframe:  # The most that one may take counts in pictures: after a pause it would be that of many.
            elapsed = min(elapsed, FRAME_TICKS)
        lasts = max(1, round(elapsed * self.bitrate / self._rate))
        frame.pts, frame.time_base, frame.duration = round(self._clock), TIME_BASE, lasts
        self._clock += lasts
        started_at = time.monotonic()
        try:
            coded = b"".join(bytes(packet) for packet in context.encode(frame))
        finally:
            frame.pts, frame.time_base, frame.duration = own  # others may have the same picture
        if not keyframe:
            self._chooser.took(time.monotonic() - started_at, frame.width * frame.height, 8 * len(coded))
        return self._payloads(coded)

    def _fitting(self, width: int, height: int, *, keyframe: bool) -> "tuple[VideoCodecContext, bool]":
        """The encoder for a picture of this size, at the rate and speed of now, and whether it needs a keyframe."""
        context = self._context
        unfit = (
            context is None
            or (context.width, context.height) != (width, height)
            or not LEAST_SHARE * self._rate <= self.bitrate <= LARGEST_SHARE * self._rate
        )
        # At first the rate still grows.
        rate = self.maximum if context is None else self.bitrate
        interval = min(self._interval, FRAME_TICKS) / VIDEO_CLOCK
        speed = self._chooser.choose(
            width * height, rate * interval, interval, time.monotonic(), keyframe=unfit or keyframe
        )
        if context is None or unfit or speed is not self._speed:
            self._rate, self._speed = self.bitrate, speed
            context = self._context = _open(width, height, self._rate, speed)
            keyframe = True
        return context, keyframe

    def _elapsed(self, frame: av.VideoFrame) -> float:
        """Ticks since the picture before, as the source has it."""
        ticks = float((frame.pts or 0) * (frame.time_base or 0)) * VIDEO_CLOCK
        elapsed = FRAME_TICKS if self._last_ticks is None else ticks - self._last_ticks
        self._last_ticks = ticks
        elapsed = min(elapsed, LONGEST_TICKS) if elapsed > 0 else FRAME_TICKS
        self._interval += 0.1 * (elapsed - self._interval)
        return elapsed

    def pack(self, packet: Packet) -> list[bytes]:
        """The payloads of a coded picture."""
        return self._payloads(bytes(packet))

    def _payloads(self, coded: bytes) -> list[bytes]:
        if not coded:
            return []
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        return vp8_payloads(coded, self._picture_id)


def _open(width: int, height: int, bitrate: int, speed: Speed) -> "VideoCodecContext":
    context: VideoCodecContext = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = TIME_BASE, FPS
    context.bit_rate = bitrate
    context.gop_size = KEYFRAME_EVERY
    context.qmin, context.qmax = 2, 56
    # One thread as long as it keeps up: libvpx's threads wait by spinning. On a busy machine two of them took 57 ms of
    # processor time for a 720p picture, where one takes 4 ms; of footage, one picture in twenty then came after 140 to
    # 180 ms, where one thread takes 18 (seen).
    context.thread_count = threads(width, height)
    context.options = {
        "deadline": speed.deadline,
        "cpu-used": str(speed.cpu_used),
        "lag-in-frames": "0",
        # The same as the longest: none but those that are asked for.
        "keyint_min": str(KEYFRAME_EVERY),
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(int(BUFFER_SECONDS * bitrate)),
        # Nine pictures' worth: more makes a narrow link's keyframes late, less makes the first pictures worse.
        "max-intra-rate": "900",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "noise-sensitivity": "0",
        # Blocks that change little are coded all the same: to leave them as they are made footage up to 0.5 dB worse
        # at high rates, and no better at low ones (seen).
        "static-thresh": "0",
        "partitions": "0",
        "error-resilient": "0",
    }
    return context
