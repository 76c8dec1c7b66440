"""A file of what the partner sends, as it was coded: nothing is decoded, and nothing encoded anew."""

import contextlib
import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from peer.media.base.coded import CodedMedia, opus_samples, parameter_sets, vp8_size
from peer.media.base.sound import BLOCK, RATE
from peer.media.base.sound import TIME_BASE as AUDIO_TIME_BASE
from peer.media.sinks.recording.recording import CONTAINERS, JITTER, LAG, MATROSKA_OPTIONS, VIDEO_TIME_BASE

CODECS = {".webm": {"VP8"}, ".mkv": {"VP8", "H264"}, ".mp4": {"H264"}}
"""The video codecs that go into each container as they come; Opus goes into all of them."""
OPTIONS = {
    # Fragments of a second, wherever keyframes are: live video has hardly any.
    "mp4": {
        "movflags": "hybrid_fragmented+default_base_moof+delay_moov",
        "frag_duration": "1000000",
        "flush_packets": "1",
    },
    "matroska": MATROSKA_OPTIONS,
    "webm": MATROSKA_OPTIONS,
}
INTERLEAVE = {"max_interleave_delta": "1000000"}
"""Microseconds that one track is held back for the other: a crash would lose them."""
SILENCE = b"\xfc\xff\xfe"
"""20 ms of silence in Opus (RFC 6716): full band, stereo, and nothing in it."""


def can_hold(suffix: str, codecs: dict[str, str]) -> bool:
    """Whether a file of this kind can hold what was coded like this."""
    video, audio = codecs.get("video"), codecs.get("audio")
    fits = video is None or video.upper() in CODECS[suffix.lower()]
    return bool(codecs) and fits and (audio is None or audio.lower() == "opus")


@dataclass(frozen=True)
class PictureFormat:
    """What a file's video track begins with."""

    codec: str
    size: tuple[int, int]
    keyframe: bytes


def picture_format(keyframe: CodedMedia, known: PictureFormat | None = None) -> PictureFormat | None:
    """What this keyframe tells, where `known` is what the last one told; None when it can't be read."""
    codec = keyframe.codec.upper()
    if codec == "VP8":
        size = vp8_size(keyframe.data)
    elif known is not None and parameter_sets(keyframe.data) == parameter_sets(known.keyframe):
        size = known.size
    else:
        size = _h264_size(keyframe.data)
    return PictureFormat(codec, size, keyframe.data) if size and all(size) else None


def _h264_size(keyframe: bytes) -> tuple[int, int] | None:
    with contextlib.suppress(av.FFmpegError, IndexError), av.open(io.BytesIO(keyframe), format="h264") as source:
        return source.streams.video[0].width, source.streams.video[0].height
    return None


class CodedFile:
    """A file that is being written. Times are in seconds from its beginning. All methods block."""

    def __init__(self, path: Path, picture: PictureFormat | None, *, sound: bool) -> None:
        """Create the file, with a track for pictures if their format is given."""
        container = CONTAINERS[path.suffix.lower()].name
        # "file:" keeps a colon in the name from being taken for a protocol.
        self._file = av.open(f"file:{path}", "w", format=container, options=OPTIONS[container] | INTERLEAVE)
        self._video = self._add_video(picture) if picture is not None else None
        self._audio = self._add_audio() if sound else None
        self._video_pts = -1
        self._audio_samples = 0

    def _add_video(self, picture: PictureFormat) -> av.VideoStream:
        if picture.codec == "VP8":
            stream = self._file.add_stream("libvpx", rate=30)
            stream.width, stream.height = picture.size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.bit_rate = 1  # it never encodes
            return stream
        with av.open(io.BytesIO(picture.keyframe), format="h264") as source:
            stream = self._file.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.time_base = VIDEO_TIME_BASE
        return stream

    def _add_audio(self) -> av.AudioStream:
        stream = self._file.add_stream("libopus", rate=RATE)  # it never encodes either
        stream.layout = "stereo"
        return stream

    def add_video(self, time: float, media: CodedMedia) -> None:
        """Add a picture, which needs no other than those since the last keyframe."""
        if self._video is None:
            return
        # Some containers count in milliseconds: two pictures must not fall into one.
        self._video_pts = max(round(time * VIDEO_TIME_BASE.denominator), self._video_pts + 91, 0)
        self._mux(self._video, media.data, self._video_pts, VIDEO_TIME_BASE, keyframe=media.is_keyframe)
        if self._audio is not None and time - self._audio_end > LAG:
            self._fill(time - LAG / 2)

    def add_audio(self, time: float, media: CodedMedia) -> None:
        """Add sound. Where some is missing there will be silence, and what comes twice is left out."""
        if self._audio is None or self._audio_end - time > JITTER:
            return
        if time - self._audio_end > JITTER:
            self._fill(time)
        self._put_sound(media.data, opus_samples(media.data))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    @property
    def _audio_end(self) -> float:
        return self._audio_samples / RATE

    def _fill(self, time: float) -> None:
        while self._audio_samples + BLOCK <= time * RATE:
            self._put_sound(SILENCE, BLOCK)

    def _put_sound(self, data: bytes, samples: int) -> None:
        if self._audio is not None:
            self._mux(self._audio, data, self._audio_samples, AUDIO_TIME_BASE, keyframe=True)
            self._audio_samples += samples

    def _mux(self, stream: av.stream.Stream, data: bytes, pts: int, base: Fraction, *, keyframe: bool) -> None:
        packet = av.Packet(data)
        packet.stream = stream
        packet.pts = packet.dts = pts
        packet.time_base = base
        packet.is_keyframe = keyframe
        self._file.mux(packet)
