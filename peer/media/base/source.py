"""What feeds a call: the shape of every source, and what a person asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

Notify = Callable[[str], None]
"""Takes one line for people: something that changed and that they would want to know. Called on the event loop."""


class Source(Protocol):
    """One camera, microphone, file or test source. It lives as long as the process and feeds any number of calls."""

    @property
    def label(self) -> str:
        """What it is, for people: "test picture", "camera /dev/video0 1280x720 30 fps", "movie.mp4"."""

    @property
    def kinds(self) -> frozenset[str]:
        """What it gives: "audio", "video" or both."""

    def open_tracks(self) -> "list[MediaStreamTrack]":
        """New tracks for one call, one for each kind. A file starts at its beginning.

        Video frames are yuv420p with even sides, in the colours of BT.601, limited range, unless their tags say
        otherwise; pts on a clock of 1/90000 s. Audio frames are s16, stereo, 48 kHz,
        20 ms. Whoever opens tracks stops each of them; that releases what they hold. Call this on the event loop.
        """

    async def close(self) -> None:
        """Release the device or file, and end its threads. Tracks that are still open end. Idempotent."""


@dataclass(frozen=True)
class SourceRequest:
    """The values of `--video`, `--audio`, `--size`, `--fps`, `--loop`, `--start` and `--reencode`.

    `size` is (width, height) in pixels and `fps` frames a second: what a camera is asked for, what the test picture
    is drawn in, and the most that a file is sent with. None leaves the choice to the source.
    """

    video: str = "auto"
    audio: str = "auto"
    size: tuple[int, int] | None = None
    fps: float | None = None
    loop: bool = False
    start: float = 0.0  # seconds from a file's beginning
    reencode: bool = False  # never send pictures as they are coded in a file or stream
