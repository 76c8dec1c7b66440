"""An X server of its own for a test, with something known to look at."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SHOW = """
import sys, time, cv2
from peer.media.sources.drawn.testpattern import TestPicture
width, height, left, top = map(int, sys.argv[1:])
picture = TestPicture(width, height)
cv2.namedWindow("shown", cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
cv2.moveWindow("shown", left, top)
for counter in range(10 ** 6):
    cv2.imshow("shown", picture.draw(counter, counter / 20).to_ndarray(format="bgr24"))
    cv2.waitKey(50)
    if counter == 1:
        print("shown", flush=True)
"""
"""A window of this size at this place, in which the test picture counts."""


@contextmanager
def x_server(size: str) -> Iterator[str]:
    """A screen of this size, such as "1600x900"; gives its name. It stays as it is when its last client goes."""
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as numbers:
        name = f":{numbers.readline().strip()}"
    try:
        yield name
    finally:
        server.terminate()
        server.wait()


@contextmanager
def shown_window(display: str, size: tuple[int, int], place: tuple[int, int]) -> Iterator[None]:
    """A counting test picture on the screen, from the moment that it is there."""
    arguments = [sys.executable, "-c", SHOW, *map(str, (*size, *place))]
    environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"shown\n"
            yield
        finally:
            process.kill()
