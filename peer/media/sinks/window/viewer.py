"""The window behind `--display`: a program of its own, which shows the pictures that come on its standard input.

It is run as a script, not imported. Each message is a letter, a length in bytes, and so much data:

    T   the title, in UTF-8, which tells the state
    I   the call's figures, in lines of ASCII
    P   a picture: width and height, then its Y, U and V planes

Numbers are 32 bits, big-endian. The program ends at the end of its input, and when the user closes the window: with
the close button, Esc or q. The key i shows or hides state and figures, f fills the screen or gives it back.
"""

import signal
import struct
import threading
from io import FileIO, RawIOBase

import cv2
import numpy as np
import numpy.typing as npt

NAME = "peer"
BOX = (960, 540)  # the window opens as large as it fits into this; the user may change that
KEY_WAIT = 15  # milliseconds between looks at the keyboard
ESCAPE = 27


class Input:
    """What came last, read by a thread: a window that is slow shows the newest picture, never a queue of old ones."""

    def __init__(self, stream: RawIOBase) -> None:
        self.title: str | None = None
        self.figures = ""
        self.picture: npt.NDArray[np.uint8] | None = None
        self.ended = False
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: RawIOBase) -> None:
        while header := read_exactly(stream, 5):
            letter, length = struct.unpack(">cI", header)
            data = read_exactly(stream, length)
            if letter == b"T":
                self.title = data.decode()
            elif letter == b"I":
                self.figures = data.decode()
            else:
                width, height = struct.unpack_from(">II", data)
                self.picture = np.frombuffer(data, np.uint8, offset=8).reshape(height * 3 // 2, width)
        self.ended = True


def read_exactly(stream: RawIOBase, length: int) -> bytearray:
    """So many bytes; none at the end of the stream. A buffered stream would do that itself, but could not be left."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = stream.readinto(view)
        if not count:
            return bytearray()
        view = view[count:]
    return data


class Viewer:
    """The window, as the user has it."""

    def __init__(self) -> None:
        self._shown: npt.NDArray[np.uint8] | None = None
        self._title: str | None = None
        self._informed = False  # whether state and figures are shown
        self._told = ""  # what was drawn last
        self._full = False

    def show(self, source: Input) -> None:
        """Bring the window up to date."""
        told = f"{source.title}\n{source.figures}" if self._informed else ""
        if source.picture is not None and (source.picture is not self._shown or told != self._told):
            self._told = told
            self._draw(source.picture)
        if self._shown is not None and source.title is not None and source.title != self._title:
            self._title = source.title
            cv2.setWindowTitle(NAME, self._title)

    def _draw(self, picture: npt.NDArray[np.uint8]) -> None:
        size_changed = self._shown is not None and self._shown.shape != picture.shape
        if self._shown is None:
            open_window(picture.shape[1], picture.shape[0] * 2 // 3)
        self._shown = picture
        place = cv2.getWindowImageRect(NAME)
        image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420), np.uint8)
        cv2.imshow(NAME, with_text(image, self._told) if self._told else image)
        if size_changed and not self._full:  # browsers start small and grow; the window stays as it is
            cv2.resizeWindow(NAME, *place[2:])

    def wait(self) -> bool:
        """Look at the keyboard; whether to go on."""
        if self._shown is None:
            threading.Event().wait(KEY_WAIT / 1000)
            return True
        key = cv2.waitKey(KEY_WAIT) & 0xFF
        if key == ord("i"):
            self._informed = not self._informed
        elif key == ord("f"):
            self._full = not self._full
            state = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(NAME, cv2.WND_PROP_FULLSCREEN, state)
        return key not in (ESCAPE, ord("q")) and is_open()


def main() -> None:
    """Show pictures until the input ends or the user closes the window."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the peer, which then ends this
    source, viewer = Input(FileIO(0, closefd=False)), Viewer()
    while not source.ended:
        viewer.show(source)
        if not viewer.wait():
            return


def with_text(image: npt.NDArray[np.uint8], text: str) -> npt.NDArray[np.uint8]:
    """The picture with lines of text in its lower left corner, on a darker ground."""
    lines = text.split("\n")
    step = max(10, image.shape[0] // 24)
    top = max(0, image.shape[0] - step * (len(lines) + 1))
    ground = image[top:, : step * 20]
    ground[:] = ground // 4
    for number, line in enumerate(lines, 1):
        place = (step // 2, top + number * step)
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, step / 36, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def open_window(width: int, height: int) -> None:
    """A window that the user may scale, without OpenCV's toolbar."""
    cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    scale = min(BOX[0] / width, BOX[1] / height)
    cv2.resizeWindow(NAME, round(width * scale), round(height * scale))


def is_open() -> bool:
    """Whether the user has left the window open."""
    try:
        return cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # some toolkits end with their last window
        return False


if __name__ == "__main__":
    main()
