"""The window behind `--display`: a program of its own, which shows the pictures that come on its standard input.

It is run as a script, not imported. Each message is a letter, a length in bytes, and so much data:

    T   the title, in UTF-8
    P   a picture: width and height, then its Y, U and V planes

Numbers are 32 bits, big-endian. The program ends at the end of its input, and when the user closes the window: with
the close button, Esc or q.
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
        self.picture: npt.NDArray[np.uint8] | None = None
        self.ended = False
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: RawIOBase) -> None:
        while header := read_exactly(stream, 5):
            letter, length = struct.unpack(">cI", header)
            data = read_exactly(stream, length)
            if letter == b"T":
                self.title = data.decode()
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


def main() -> None:
    """Show pictures until the input ends or the user closes the window."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the peer, which then ends this
    source = Input(FileIO(0, closefd=False))
    shown = title = None
    while not source.ended:
        if source.picture is not shown and source.picture is not None:
            size_changed = shown is not None and shown.shape != source.picture.shape
            if shown is None:
                open_window(source.picture.shape[1], source.picture.shape[0] * 2 // 3)
            shown = source.picture
            place = cv2.getWindowImageRect(NAME)
            cv2.imshow(NAME, cv2.cvtColor(shown, cv2.COLOR_YUV2BGR_I420))
            if size_changed:  # browsers start small and grow; the window stays as it is
                cv2.resizeWindow(NAME, *place[2:])
        if shown is None:
            threading.Event().wait(KEY_WAIT / 1000)
            continue
        if source.title != title and source.title is not None:
            title = source.title
            cv2.setWindowTitle(NAME, title)
        key = cv2.waitKey(KEY_WAIT) & 0xFF
        if key in (ESCAPE, ord("q")) or not is_open():
            return


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
