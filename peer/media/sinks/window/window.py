"""Shows the partner in a window: the sink behind `--display`.

The window belongs to a process of its own. Toolkits for windows want the main thread of their process, which here is
the event loop's, and end the whole process when they don't like the display: neither may happen to a call.
"""

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import av

from peer.background import start_thread
from peer.errors import MediaError
from peer.events import Statistics
from peer.media.base.pictures import to_yuv420p
from peer.media.base.source import Notify
from peer.media.base.threads import call_on_loop

VIEWER = Path(__file__).with_name("viewer.py")
FAREWELL = 2.0  # seconds that the viewer is given to end
CONNECTED, WAITING = "peer: in a call", "peer: waiting for a partner"


class Window:
    """Always shows the newest picture. It opens with the first one; once the user has closed it, it stays closed."""

    def __init__(self, *, notify: Notify) -> None:
        """Must be made on the event loop. Raises MediaError where there is no display."""
        check_display(os.environ, sys.platform)
        self._notify = notify
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._picture: av.VideoFrame | None = None  # what comes next
        self._title: str | None = None
        self._figures: str | None = None
        self._closing = False
        self._viewer: subprocess.Popen[bytes] | None = None  # set by the thread
        self._thread = start_thread(self._run, "the window")

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Say so in the title."""
        self._set(title=CONNECTED)

    def on_video(self, frame: av.VideoFrame) -> None:
        """Show a picture, in place of one that was not shown yet."""
        self._set(picture=frame)

    def on_audio(self, frame: av.AudioFrame) -> None:
        """Windows are silent."""

    def on_figures(self, figures: Statistics) -> None:
        """Keep them for the key that shows them."""
        self._set(figures=figures_text(figures))

    def end_call(self) -> None:
        """Leave the last picture, and say in the title that the partner is gone."""
        self._set(title=WAITING)

    async def close(self) -> None:
        """Close the window."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, FAREWELL)
        if self._thread.is_alive() and self._viewer is not None:
            self._viewer.kill()  # it hangs, and with it the thread that writes to it
            await asyncio.to_thread(self._thread.join)

    def _set(
        self, *, title: str | None = None, figures: str | None = None, picture: av.VideoFrame | None = None
    ) -> None:
        with self._changed:
            self._figures = figures or self._figures
            self._title = title or self._title
            self._picture = picture or self._picture
            self._changed.notify()

    def _run(self) -> None:
        # -P keeps the directories of this package and of the user out of the module search path.
        command = [sys.executable, "-P", str(VIEWER)]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as viewer,
        ):
            self._viewer = viewer
            self._feed(viewer)
            try:
                code = viewer.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                viewer.kill()
                return
            if not self._closing:
                errors.seek(0)
                call_on_loop(self._loop, self._notify, _epitaph(code, errors.read().decode(errors="replace")))

    def _feed(self, viewer: "subprocess.Popen[bytes]") -> None:
        """Hand over titles and pictures until the window is closed, from either side."""
        assert viewer.stdin is not None  # noqa: S101 for the type checker: it is a pipe
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self._title or self._figures or self._picture)
                    texts = [(b"T", self._title), (b"I", self._figures)]
                    picture = self._picture
                    self._title = self._figures = self._picture = None
                if self._closing:
                    break
                for letter, text in texts:
                    if text:
                        viewer.stdin.write(struct.pack(">cI", letter, len(text.encode())) + text.encode())
                if picture:
                    picture = to_yuv420p(picture)
                    data = picture.to_ndarray()
                    header = struct.pack(">cIII", b"P", 8 + data.nbytes, picture.width, picture.height)
                    viewer.stdin.write(header)
                    viewer.stdin.write(data.data)
                viewer.stdin.flush()
        except BrokenPipeError:
            pass  # the viewer has ended
        with contextlib.suppress(BrokenPipeError):
            viewer.stdin.close()


def figures_text(figures: Statistics) -> str:
    """A call's figures, in the letters that OpenCV can draw."""
    received = figures.received
    lines = [
        f"{figures.seconds:.0f} s",
        f"picture {received.width}x{received.height}, {received.video_frames / max(figures.seconds, 1):.1f}/s",
        f"received {received.kbits_per_second:.0f} kbit/s, sent {figures.sent.kbits_per_second:.0f} kbit/s",
        f"{figures.packets_lost} packets lost",
    ]
    if figures.round_trip is not None:
        lines.append(f"round trip {figures.round_trip * 1000:.0f} ms")
    return "\n".join(lines)


def check_display(environment: Mapping[str, str], platform: str) -> None:
    """Raises MediaError when there is no display to put a window on."""
    if platform == "linux" and not environment.get("DISPLAY"):
        what = "only a Wayland display without X" if environment.get("WAYLAND_DISPLAY") else "no display"
        raise MediaError(
            f"can't show a window: there is {what} (DISPLAY is not set); try --record instead of --display"
        )


def _epitaph(code: int, errors: str) -> str:
    if code == 0:
        return "the window was closed; the call goes on"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    reason = next((line for line in lines if "display" in line.lower() or "error" in line.lower()), f"exit code {code}")
    return f"the window can't be shown ({reason}); the call goes on without it"
