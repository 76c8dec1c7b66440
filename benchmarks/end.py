"""What the Python programs at an end of a measured call share: their options, and how they report.

Such a program takes its options as JSON in its last argument. It writes a line of JSON when it has joined the room
and when the first frame is there. It answers "report" with all that it has seen, and any other line with the last that
it has seen; when there are no more lines to read, it ends.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from benchmarks import barcode
from benchmarks.picture import MovingPicture, PictureTrack, Texture
from benchmarks.samples import sample_period_ms
from benchmarks.watch import Sighting
from peer.media.base.pictures import planes


@dataclass(frozen=True)
class EndOptions:
    """The same for every system under test."""

    relay: str
    room: str
    role: str
    texture: str
    """The file that `Texture.write` wrote."""
    width: int = 1280
    height: int = 720
    fps: float = 30.0
    codec: str = "VP8"
    ice_servers: tuple[str, ...] = ()
    samples: str = ""
    """The folder for the luma of frames to compare; empty for none."""

    @classmethod
    def from_arguments(cls) -> "EndOptions":
        """From the command line of an end's program."""
        given = json.loads(sys.argv[-1])
        return cls(**{**given, "ice_servers": tuple(given["ice_servers"])})

    def to_json(self) -> str:
        """What `from_arguments` reads."""
        return json.dumps(asdict(self))

    def picture(self) -> MovingPicture:
        """The picture to send."""
        stills = Texture.read(Path(self.texture), self.width, self.height)
        return MovingPicture(stills, self.width, self.height)

    def video_track(self, picture: MovingPicture) -> PictureTrack:
        """A camera that sees the picture."""
        return PictureTrack(picture, self.fps)


class Reporter:
    """Notes what happens, and tells it when asked."""

    def __init__(self, options: EndOptions) -> None:
        self._ready_at: float | None = None
        self._sightings: list[Sighting] = []
        self._samples = options.samples
        self._next_sample = 0.0

    def joined(self) -> None:
        """This end has its place in the room."""
        _write({"event": "joined"})

    def partner_ready(self) -> None:
        """The relay's `ready` came. What counts is the first."""
        self._ready_at = self._ready_at or time.time() * 1000

    def see(self, frame: av.VideoFrame) -> None:
        """A decoded frame came."""
        at = time.time() * 1000
        luma = planes(frame)[0]
        reading = barcode.read(luma)
        counter, clock_ms = (reading.counter, reading.clock_ms) if reading else (None, None)
        self._sightings.append(Sighting(at, counter, clock_ms, frame.width, frame.height))
        if len(self._sightings) == 1:
            _write({"event": "frame"})
        if self._samples and at >= self._next_sample:
            self._next_sample = at + sample_period_ms(at - self._sightings[0].at)
            # On disk at once, so that the samples are not part of what the process takes.
            Path(self._samples, str(len(self._sightings) - 1)).write_bytes(luma.tobytes())

    async def run(self, call: Callable[[], Awaitable[None]]) -> None:
        """Be in a call, and answer on standard output, until standard input ends."""
        calling = asyncio.ensure_future(call())
        lines = asyncio.create_task(self._answer())
        done, _ = await asyncio.wait([calling, lines], return_when=asyncio.FIRST_COMPLETED)
        for task in (calling, lines):
            task.cancel()
        await asyncio.gather(calling, lines, return_exceptions=True)
        for task in done:
            task.result()  # a call that failed must be seen to have failed

    async def _answer(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            seen = self._sightings if line.strip() == b"report" else self._sightings[-1:]
            _write({"event": "report", "ready": self._ready_at, "sightings": seen})


def _write(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)
