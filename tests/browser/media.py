"""What is really in pictures and sound: read in the page that shows them, or in the file that a peer recorded.

The peer's test picture has a bar code over its top eighth: two rows of 32 cells, each row 24 bits of a number (the
frame counter; Unix milliseconds) and a CRC-8. Its reader here shares nothing with the writer, in `peer.media`.
Chromium's made-up camera is a green field with a pie that is eaten and grows again; its microphone beeps. Firefox's
camera shows one colour, which changes all the time; its microphone hums at 1000 Hz.
"""

import io
import itertools
import statistics
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, read_test_picture

Run = Callable[[str, Any], Awaitable[Any]]
"""Runs a JavaScript function of one argument in a page, and gives what its promise comes to."""

READ_PICTURES = """
async ([id, count]) => {
  const video = document.getElementById(id);
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const crc8 = (bytes) => {
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? (crc << 1) ^ 0x107 : crc << 1;
    }
    return crc;
  };
  const readRow = (pixels, width, y) => {
    const bytes = [0, 0, 0, 0];
    for (let cell = 0; cell < 32; cell++) {
      const x = Math.floor(((cell + 0.5) * width) / 32);
      const green = pixels[4 * (y * width + x) + 1];
      bytes[cell >> 3] = (bytes[cell >> 3] << 1) | (green > 127 ? 1 : 0);
    }
    return crc8(bytes.slice(0, 3)) === bytes[3] ? (bytes[0] << 16) | (bytes[1] << 8) | bytes[2] : null;
  };
  const readPicture = (now) => {
    const { videoWidth: width, videoHeight: height } = video;
    const band = Math.floor(height / 8);
    if (!band) return null;
    Object.assign(canvas, { width, height: band });
    context.drawImage(video, 0, 0);
    const pixels = context.getImageData(0, 0, width, band).data;
    const [counter, clock] = [0.25, 0.75].map((part) => readRow(pixels, width, Math.floor(part * band)));
    return counter === null || clock === null ? null : { counter, clock, now, width, height };
  };
  const readings = [];
  const end = performance.now() + 20000;
  while (readings.length < count && performance.now() < end) {
    const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const now = await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, 1000, null))]);
    const reading = now === null ? null : readPicture(now);
    if (reading) readings.push(reading);
  }
  return readings;
}
"""
"""Reads the code in so many pictures of a video element; fewer, when they don't come or can't be read."""

RECORD_SOUND = """
async ([id, milliseconds]) => {
  const stream = new MediaStream(document.getElementById(id).srcObject.getAudioTracks());
  const recorder = new MediaRecorder(stream);
  const data = new Promise((resolve) => (recorder.ondataavailable = (event) => resolve(event.data)));
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  recorder.stop();
  let text = "";
  for (const byte of new Uint8Array(await (await data).arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}
"""
"""Some sound that a video element plays, as an audio file in base64. (Web Audio needs a sound card in Firefox.)"""

RATE = 48000


@dataclass(frozen=True)
class Reading:
    """A test picture as a page showed it. `clock` is the sender's, `now` the page's, both in ms."""

    counter: int
    clock: int
    now: float
    width: int
    height: int


async def pictures(run: Run, count: int, video: str = "remote") -> list[Reading]:
    """Read the next `count` test pictures in a page; they must come, and in order."""
    readings: list[Reading] = []
    for _ in range(3):
        missing = count - len(readings)
        readings += [Reading(**reading) for reading in await run(READ_PICTURES, [video, missing])]
        if len(readings) == count:
            break
    assert len(readings) == count, f"only {len(readings)} test pictures could be read"
    counters = [reading.counter for reading in readings]
    assert counters == sorted(counters)
    assert len(set(counters)) > count / 2
    return readings


async def assert_test_media(run: Run, *, fps: float = 30, attempts: int = 20, video: str = "remote") -> list[Reading]:
    """What the page shows is the peer's test picture, live, at its rate; what it plays is the peer's tone.

    On a machine that has other things to do, the rate may take some attempts. The readings of the last are returned.
    """
    await assert_tone(run, video=video)
    rates = []
    for _ in range(attempts):
        readings = await pictures(run, 40, video)
        first, last = readings[0], readings[-1]
        counted = last.counter - first.counter
        rates.append((counted * 1000 / (last.clock - first.clock), counted * 1000 / (last.now - first.now)))
        if all(0.7 * fps < rate < 1.2 * fps for rate in rates[-1]):
            return readings
    raise AssertionError(f"the counter never grew at {fps} a second, by the sender's clock and by the page's: {rates}")


async def assert_tone(run: Run, hertz: float = 440, *, attempts: int = 10, video: str = "remote") -> None:
    """The tone is nearly all that the page plays."""
    heard = []
    for _ in range(attempts):
        sound = decode_sound(io.BytesIO(b64decode(await run(RECORD_SOUND, [video, 1000]))))
        spectrum = np.abs(np.fft.rfft(sound[len(sound) // 4 :]))
        heard.append(np.argmax(spectrum) * RATE / 2 / (len(spectrum) - 1))
        near = np.abs(np.linspace(0, RATE / 2, len(spectrum)) - hertz) < 10
        if abs(heard[-1] - hertz) < 5 and np.square(spectrum[near]).sum() > 0.9 * np.square(spectrum).sum():
            return
    raise AssertionError(f"no pure tone of {hertz} Hz, but {heard}")


def decode_sound(file: io.BytesIO | str) -> NDArray[np.float32]:
    """The sound of a file, mono, from -1 to 1, at `RATE`."""
    with av.open(file) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        blocks = [block for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    return np.concatenate([block.to_ndarray()[0] for block in blocks])


@dataclass(frozen=True)
class Recorded:
    """A recording, decoded. Times in seconds; sound is mono, from -1 to 1, at `RATE`."""

    frames: list[NDArray[np.uint8]]
    """RGB, of shape (height, width, 3)."""
    times: list[float]
    sound: NDArray[np.float32]

    @classmethod
    def of(cls, path: Path) -> "Recorded":
        """Decode a file with both tracks, every second pixel of every frame."""
        with av.open(str(path)) as container:
            decoded = list(container.decode(video=0))
        return cls(
            frames=[frame.to_ndarray(format="rgb24")[::2, ::2] for frame in decoded],
            times=[frame.time or 0.0 for frame in decoded],
            sound=decode_sound(str(path)),
        )

    def assert_is_chromium(self) -> None:
        """The made-up camera's pie opens and closes on its green field, and the microphone beeps."""
        field = [_share(_field(frame), red=(0, 60), green=(80, 180)) for frame in self.frames]
        assert statistics.median(field) > 0.9
        pie = [_share(_middle(frame), red=(50, 110), green=(200, 255)) for frame in self.frames]
        assert min(pie) < 0.2
        assert max(pie) > 0.6
        changed = [abs(one - other) > 0.02 for one, other in itertools.pairwise(pie)]
        assert sum(changed) > len(changed) / 2
        beeps = self.onsets()
        assert len(beeps) >= 3
        assert 0.3 < statistics.median(b - a for a, b in itertools.pairwise(beeps)) < 0.7
        assert abs(self.loudest() - 400) < 25

    def assert_is_peer(self) -> None:
        """The picture is the test picture, which counts, and the sound the tone."""
        read = [reading for frame in self.frames if (reading := read_test_picture(frame[..., 1]))]
        assert len(read) > len(self.frames) / 2
        counters = [reading.counter for reading in read]
        assert counters == sorted(set(counters))
        assert abs(self.loudest() - TEST_TONE_HZ) < 5

    def assert_is_firefox(self) -> None:
        """The made-up camera's picture is one colour that goes on changing, and the microphone hums."""
        colours = np.array([frame.mean(axis=(0, 1)) for frame in self.frames])
        assert np.ptp(colours, axis=0).max() > 20
        assert np.count_nonzero(np.abs(np.diff(colours, axis=0)).max(axis=1) > 0.5) > 10
        assert np.std([frame.std(axis=(0, 1)) for frame in self.frames]) < 5
        assert abs(self.loudest() - 1000) < 5

    def onsets(self, block: float = 0.02) -> list[float]:
        """When sound set in after silence, in seconds."""
        size = int(block * RATE)
        whole = self.sound[: len(self.sound) // size * size].reshape(-1, size)
        loud = np.sqrt(np.mean(np.square(whole), axis=1)) > 0.05
        return [float(index + 1) * block for index in np.flatnonzero(~loud[:-1] & loud[1:])]

    def loudest(self) -> float:
        """The loudest frequency, in Hz."""
        spectrum = np.abs(np.fft.rfft(self.sound))
        return float(np.argmax(spectrum) * RATE / len(self.sound))


def _field(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A part of the green field with neither the clock nor the corners in it."""
    height, width = frame.shape[:2]
    return frame[: height // 6, width // 2 : width * 7 // 8]


def _middle(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square that the pie fills when whole: half the height."""
    height, width = frame.shape[:2]
    quarter = height // 4
    return frame[quarter : height - quarter, width // 2 - quarter : width // 2 + quarter]


def _share(area: NDArray[np.uint8], *, red: tuple[int, int], green: tuple[int, int]) -> float:
    """How much of an area has a colour in these ranges, and hardly any blue."""
    limits = (red, green, (0, 60))
    hits = [(area[..., i] >= low) & (area[..., i] <= high) for i, (low, high) in enumerate(limits)]
    return float(np.logical_and.reduce(hits).mean())
