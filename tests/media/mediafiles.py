"""Makes media files for the tests, and examines what was recorded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from peer.media.base.pictures import planes, to_yuv420p
from peer.media.sources.drawn.testpattern import TestPicture, read_test_picture


@dataclass
class Contents:
    """What a file holds. Times are in seconds."""

    counters: list[tuple[float, int]]  # when each test picture that could be read is shown, and its counter
    pictures: list[float]  # when each picture is shown
    sizes: set[tuple[int, int]]
    sound_start: float
    sound: np.ndarray[Any, Any]  # the first channel, -1 to 1
    rate: int
    codecs: dict[str, str]

    def frequency(self) -> float:
        """The strongest frequency, in Hz."""
        return strongest_frequency(self.sound, self.rate)

    def loud(self, above: float = 0.05) -> list[tuple[float, float]]:
        """The stretches of sound, from and to, where pauses are longer than 20 ms."""
        moments = np.nonzero(np.abs(self.sound) > above)[0]
        if len(moments) == 0:
            return []
        breaks = np.nonzero(np.diff(moments) > self.rate // 50)[0]
        firsts, lasts = moments[np.r_[0, breaks + 1]], moments[np.r_[breaks, -1]]
        return [
            (self.sound_start + first / self.rate, self.sound_start + last / self.rate)
            for first, last in zip(firsts, lasts, strict=True)
        ]


def strongest_frequency(sound: np.ndarray[Any, Any], rate: int) -> float:
    """By Fourier transform, in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * rate / len(sound))


def frames_of(file: av.container.InputContainer, *, torn: bool) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """All frames of a file; in a torn one, what can't be decoded is left out, as players do."""
    for packet in file.demux(*file.streams):
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.InvalidDataError:
            if not torn:
                raise


def examine(path: Path, *, torn: bool = False) -> Contents:
    """Decode a whole file, or what there is of one whose end, or more, is spoilt."""
    result = Contents([], [], set(), 0.0, np.empty(0), 48000, {})
    with av.open(str(path)) as file:
        result.codecs = {stream.type: stream.codec_context.name for stream in file.streams}
        sound = []
        for frame in frames_of(file, torn=torn):
            if isinstance(frame, av.VideoFrame):
                result.pictures.append(frame.time)
                result.sizes.add((frame.width, frame.height))
                if reading := read_test_picture(planes(to_yuv420p(frame))[0]):
                    result.counters.append((frame.time, reading.counter))
            else:
                if not sound:
                    result.sound_start, result.rate = frame.time, frame.sample_rate
                sound.append(
                    frame.to_ndarray().reshape(-1, 2)[:, 0] if frame.format.is_packed else frame.to_ndarray()[0]
                )
        if sound:
            samples = np.concatenate(sound)
            scale = 32768 if samples.dtype == np.int16 else 1
            result.sound = samples.astype(float) / scale
    return result


def tone(seconds: float, rate: int = 48000, frequency: float = 440, start: float = 0.0) -> np.ndarray[Any, Any]:
    """A sine, -1 to 1."""
    return 0.25 * np.sin(2 * np.pi * frequency * (start + np.arange(round(seconds * rate)) / rate))


def flash_and_beep(times: Iterable[float], seconds: float, rate: int = 48000) -> np.ndarray[Any, Any]:
    """Silence with beeps of 100 ms at these times."""
    sound = np.zeros(round(seconds * rate))
    for time in times:
        first = round(time * rate)
        beep = tone(0.1, rate, 1000)[: len(sound) - first]
        sound[first : first + len(beep)] = beep
    return sound


def make_file(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: Fraction | int = 30,
    size: tuple[int, int] | None = (320, 240),
    sound: np.ndarray[Any, Any] | None = None,
    rate: int = 48000,
    pixels: str = "yuv420p",
    codecs: tuple[str, str] = ("libx264", "aac"),
    first: float = 0.0,
    options: dict[str, str] | None = None,
    coder: dict[str, str] | None = None,
) -> Path:
    """A file with test pictures (their counter is the number of the frame) and this sound, `first` seconds late.

    `options` are those of the container, `coder` those of the pictures' encoder.
    """
    with av.open(str(path), "w", options=options or {}) as file:
        video: Any = None
        if size:
            video = file.add_stream(codecs[0], rate=fps)
            video.width, video.height, video.pix_fmt = *size, pixels
            video.options = coder or {}
        audio: Any = None
        if sound is not None:
            audio = file.add_stream(codecs[1], rate=rate)
        if video:
            drawn = TestPicture(*(side & ~1 for side in size or ()))
            for number in range(round(seconds * fps)):
                frame = drawn.draw(number, float(number / fps), now=0xFFFFFF / 1000).reformat(*size or (), pixels)
                frame.time_base = 1 / Fraction(fps)
                frame.pts = number + round(first * fps)
                file.mux(video.encode(frame))
            file.mux(video.encode(None))
        if audio:
            stereo = np.stack([sound, sound], axis=1).reshape(1, -1) if sound is not None else np.empty((1, 0))
            frame = av.AudioFrame.from_ndarray((stereo * 32767).astype(np.int16), format="s16", layout="stereo")
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = round(first * rate)
            file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return path
