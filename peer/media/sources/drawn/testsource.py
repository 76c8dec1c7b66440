"""The test source: the test picture and a tone, made the moment that each frame is due."""

import fractions
from typing import TYPE_CHECKING
from weakref import WeakSet

import av
import numpy as np
from aiortc import MediaStreamError, MediaStreamTrack

from peer.media.base.pacing import Pacer
from peer.media.base.sound import BLOCK, RATE, TIME_BASE, block_frame
from peer.media.sources.drawn.testpattern import TEST_TONE_HZ, TestPicture

if TYPE_CHECKING:
    from collections.abc import Iterable

VIDEO_TIME_BASE = fractions.Fraction(1, 90000)
SIZE, FPS = (1280, 720), 30.0
AMPLITUDE = 0.25


class TestSource:
    """The test picture, the tone, or both."""

    __test__ = False  # not a test class, whatever its name

    def __init__(self, kinds: "Iterable[str]", size: tuple[int, int] | None = None, fps: float | None = None) -> None:
        self.kinds = frozenset(kinds)
        self._size = size or SIZE
        self._fps = fps or FPS
        self._tracks: WeakSet[MediaStreamTrack] = WeakSet()

    @property
    def label(self) -> str:
        """For people: "test picture 1280x720 30 fps and tone"."""
        width, height = self._size
        picture = f"test picture {width}x{height} {self._fps:g} fps"
        return " and ".join(name for kind, name in (("video", picture), ("audio", "tone")) if kind in self.kinds) or ""

    def open_tracks(self) -> list[MediaStreamTrack]:
        """New tracks; the counter and the tone begin anew."""
        tracks: list[MediaStreamTrack] = []
        if "video" in self.kinds:
            tracks.append(PictureTrack(self._size, self._fps))
        if "audio" in self.kinds:
            tracks.append(ToneTrack())
        self._tracks.update(tracks)
        return tracks

    async def close(self) -> None:
        """End the tracks that are still open."""
        for track in list(self._tracks):
            track.stop()


class PictureTrack(MediaStreamTrack):
    """Test pictures in real time. The counter counts pictures made, so a gap in it means one was lost later on."""

    kind = "video"

    def __init__(self, size: tuple[int, int] = SIZE, fps: float = FPS) -> None:
        super().__init__()
        self._picture = TestPicture(*size)
        self._fps = fps
        self._pacer = Pacer(fps, slack=1 / fps)
        self._counter = 0

    async def recv(self) -> av.VideoFrame:
        """Wait until the next picture is due, then draw it."""
        slot = await self._pacer.next()
        if self.readyState != "live":
            raise MediaStreamError
        frame = self._picture.draw(self._counter, slot / self._fps)
        frame.pts = round(slot * VIDEO_TIME_BASE.denominator / self._fps)
        frame.time_base = VIDEO_TIME_BASE
        self._counter += 1
        return frame


class ToneTrack(MediaStreamTrack):
    """A sine wave. Its phase follows pts, so it has no step anywhere, and none is added when frames are skipped."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pacer = Pacer(RATE / BLOCK, slack=0.2)
        # After this many blocks the wave stands where it began: 44 periods of 440 Hz in 100 ms.
        blocks = fractions.Fraction(TEST_TONE_HZ * BLOCK, RATE).denominator
        phase = np.arange(blocks * BLOCK) * (2 * np.pi * TEST_TONE_HZ / RATE)
        wave = np.rint(AMPLITUDE * 32767 * np.sin(phase)).astype(np.int16)
        self._blocks = np.stack([wave, wave], axis=1).reshape(blocks, BLOCK, 2)

    async def recv(self) -> av.AudioFrame:
        """Wait until the next 20 ms are due, and return them."""
        slot = await self._pacer.next()
        if self.readyState != "live":
            raise MediaStreamError
        frame = block_frame(self._blocks[slot % len(self._blocks)])
        frame.pts = slot * BLOCK
        frame.time_base = TIME_BASE
        return frame
