"""One recording: encodes pictures and sound and writes them into a file that plays, whenever the process dies."""

import fractions
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import numpy as np

from peer.media.base.colours import tag
from peer.media.base.pictures import black, copied, letterboxed
from peer.media.base.sound import BLOCK, RATE, Samples, block_frame
from peer.media.base.sound import TIME_BASE as AUDIO_TIME_BASE

VIDEO_TIME_BASE = fractions.Fraction(1, 90000)
KEYFRAME_INTERVAL = 1.0  # seconds; a fragment of an MP4 file begins with a keyframe, and a crash loses the last one
LAG = 1.0  # seconds that one track may stay behind the other before it is filled up
JITTER = 0.06  # seconds that sound may be off its place before silence is put in or sound is cut


@dataclass(frozen=True)
class Container:
    """A file format, with the codecs that go into it."""

    name: str
    video: str
    audio: str
    options: dict[str, str] = field(default_factory=dict)


# While it is recorded, an MP4 file consists of fragments, each of which can be played without what follows;
# when it is closed it becomes an ordinary one. A Matroska file consists of clusters, to the same effect.
MATROSKA_OPTIONS = {"cluster_time_limit": "1000", "flush_packets": "1"}
CONTAINERS = {
    ".mp4": Container(
        "mp4",
        "libx264",
        "aac",
        # With the header delayed until the first fragment, it can tell when each track begins.
        {"movflags": "hybrid_fragmented+frag_keyframe+default_base_moof+delay_moov", "flush_packets": "1"},
    ),
    ".mkv": Container("matroska", "libx264", "aac", MATROSKA_OPTIONS),
    ".webm": Container("webm", "libvpx", "libopus", MATROSKA_OPTIONS),
}
# One thread and the fast end of each encoder's scale: recording shares the machine with the call itself.
CODEC_OPTIONS = {
    "libx264": {"preset": "superfast", "tune": "zerolatency", "crf": "23", "forced-idr": "1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "auto-alt-ref": "0"},
}
BIT_RATE = 2_500_000  # libvpx needs one


def reason(error: Exception) -> str:
    """Why writing failed, without the numbers and names that Python puts before it."""
    return getattr(error, "strerror", None) or str(error)


class Recording:
    """A file that is being written. Times are in seconds from its beginning. All methods block."""

    def __init__(self, path: Path, kinds: frozenset[str], canvas: tuple[int, int]) -> None:
        """Create the file with a track for each of `kinds`; pictures are fitted into `canvas`, (width, height)."""
        container = CONTAINERS[path.suffix.lower()]
        options = dict(container.options)
        if "video" not in kinds and container.name == "mp4":  # no keyframes that would begin fragments
            options["frag_duration"] = str(round(KEYFRAME_INTERVAL * 1_000_000))
        # "file:" keeps a colon in the name from being taken for a protocol.
        self._file = av.open(f"file:{path}", "w", format=container.name, options=options)
        self._video = _VideoTrack(self._file, container.video, canvas) if "video" in kinds else None
        self._audio = _AudioTrack(self._file, container.audio) if "audio" in kinds else None

    def add_video(self, time: float, frame: av.VideoFrame) -> None:
        """Add a picture. The frame itself is not changed."""
        if self._video is not None:
            self._video.add(time, frame)
            if self._audio is not None and time - self._audio.end > LAG:
                self._audio.fill(time - LAG / 2)

    def add_audio(self, time: float, samples: Samples) -> None:
        """Add sound. Where some is missing there will be silence, and what comes twice is cut."""
        if self._audio is not None:
            self._audio.add(time, samples)
            if self._video is not None and time - self._video.end > LAG:
                self._video.hold(time - LAG / 2)

    def close(self) -> None:
        """Write what the encoders still hold, and finish the file."""
        try:
            for track in (self._video, self._audio):
                if track is not None:
                    track.finish()
        finally:
            self._file.close()


class _VideoTrack:
    def __init__(self, file: av.container.OutputContainer, codec: str, canvas: tuple[int, int]) -> None:
        self._file = file
        self._canvas = canvas
        stream = cast("av.VideoStream", file.add_stream(codec, rate=30, options=CODEC_OPTIONS[codec]))
        self._stream = stream
        stream.width, stream.height = canvas
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = VIDEO_TIME_BASE
        stream.codec_context.thread_count = 1
        tag(stream.codec_context)
        if codec == "libvpx":
            stream.bit_rate = BIT_RATE
        self._last = black(*canvas)
        self._last_pts = -1
        self._keyframe_due = 0.0

    @property
    def end(self) -> float:
        """When the last picture begins."""
        return self._last_pts / VIDEO_TIME_BASE.denominator

    def add(self, time: float, frame: av.VideoFrame) -> None:
        picture = letterboxed(frame, self._canvas)
        # The original is shared, and must not get a new pts.
        self._last = copied(picture) if picture is frame else picture
        self._encode(time)

    def hold(self, time: float) -> None:
        """Show the last picture on."""
        self._encode(time)

    def _encode(self, time: float) -> None:
        frame = self._last
        # Some containers count in milliseconds: two pictures must not fall into one.
        self._last_pts = max(round(time * VIDEO_TIME_BASE.denominator), self._last_pts + 91, 0)
        frame.pts, frame.time_base = self._last_pts, VIDEO_TIME_BASE
        frame.pict_type = av.video.frame.PictureType.NONE
        if time >= self._keyframe_due:
            frame.pict_type = av.video.frame.PictureType.I
            self._keyframe_due = time + KEYFRAME_INTERVAL
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._file.mux(self._stream.encode(None))


class _AudioTrack:
    """Sound without a gap: its place in the file is counted in samples."""

    def __init__(self, file: av.container.OutputContainer, codec: str) -> None:
        self._file = file
        self._stream = stream = cast("av.AudioStream", file.add_stream(codec, rate=RATE))
        stream.layout = "stereo"
        stream.codec_context.time_base = AUDIO_TIME_BASE
        self._written = 0

    @property
    def end(self) -> float:
        """When what was written so far ends."""
        return self._written / RATE

    def add(self, time: float, samples: Samples) -> None:
        ahead = self.end - time
        if ahead < -JITTER:
            self.fill(time)
        elif ahead > JITTER:
            samples = samples[round(ahead * RATE) :]
        self._encode(samples)

    def fill(self, time: float) -> None:
        """Add silence up to this time."""
        missing = round(time * RATE) - self._written
        while missing > 0:
            piece = min(missing, BLOCK)
            self._encode(np.zeros((piece, 2), np.int16))
            missing -= piece

    def _encode(self, samples: Samples) -> None:
        if len(samples) == 0:
            return
        frame = block_frame(samples)
        frame.pts, frame.time_base = self._written, AUDIO_TIME_BASE
        self._written += len(samples)
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._file.mux(self._stream.encode(None))
