"""Sends the camera's picture with faces blurred.

    python examples/blur_faces.py [RELAY]

It is the same as: peer --transform examples/blur_faces.py:blur_faces. Open the address that it prints in a browser;
Ctrl-C ends it. RELAY is the address of a relay, such as ws://localhost:8080.

opencv-python 4 ships a detector of faces, a Haar cascade, and this uses it. opencv-python 5 ships none: there, every
large patch of skin colour is blurred, which hits hands and wooden doors as well, and misses faces in coloured light.
Where somebody's safety depends on it, bring a real detector, such as a model for cv2.FaceDetectorYN.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from peer import Peer, PeerError
from peer.cli.console import Console

Picture = npt.NDArray[np.uint8]
Box = Sequence[int]  # left, top, width, height, in pixels

WORKING_WIDTH = 320  # faces are looked for in a picture of this width: it is enough, and fast
SMALLEST = 0.005  # of the picture's area, for a patch of skin
SKIN = np.array([60, 135, 85]), np.array([255, 180, 135])  # from and to, in Y, Cr and Cb


def cascade() -> Any:
    """The Haar cascade of OpenCV 4; None where OpenCV has none."""
    file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    return cv2.CascadeClassifier(str(file)) if hasattr(cv2, "CascadeClassifier") and file.exists() else None


CASCADE = cascade()


def find_faces(picture: Picture) -> Sequence[Box]:
    """Where the faces are, as this OpenCV can tell."""
    if CASCADE is not None:
        return [list(map(int, box)) for box in CASCADE.detectMultiScale(picture, 1.1, 4)]
    skin = cv2.inRange(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb), *SKIN)
    skin = cv2.morphologyEx(skin, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    patches, _ = cv2.findContours(skin, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [cv2.boundingRect(patch) for patch in patches if cv2.contourArea(patch) > SMALLEST * skin.size]


def blur_faces(picture: Picture) -> Picture:
    """The picture with a coarse grid in the place of each face."""
    scale = min(1.0, WORKING_WIDTH / picture.shape[1])
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    for left, top, width, height in find_faces(small):
        x, y = round(left / scale), round(top / scale)
        face = picture[y : y + round(height / scale), x : x + round(width / scale)]
        grid = cv2.resize(face, (8, 8), interpolation=cv2.INTER_AREA)
        face[:] = cv2.resize(grid, face.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return picture


async def send(relay: str | None = None) -> None:
    async with Peer(signaling=relay, transform=blur_faces, on_event=Console(as_json=False).show) as peer:
        await peer.wait()


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(send(*sys.argv[1:2]))
    except PeerError as error:
        sys.exit(f"blur_faces: {error}")
