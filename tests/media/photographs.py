"""Makes photographs with a colour in each corner, stored turned or mirrored, and tells what is seen of them."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

COLOURS = {"R": (200, 40, 40), "G": (40, 200, 40), "B": (40, 40, 200), "Y": (200, 200, 40)}
STORED = np.array([["R", "G"], ["B", "Y"]])
SIZE = (96, 64)  # width, height
CODECS = {
    ".jpg": ("mjpeg", "yuvj444p", "image2"),
    ".png": ("png", "rgb24", "image2"),
    ".webp": ("libwebp", "yuv420p", "webp"),
    ".gif": ("gif", "rgb8", "gif"),
    ".avif": ("libsvtav1", "yuv420p", "avif"),
    ".bmp": ("bmp", "bgr24", "image2"),
    ".tiff": ("tiff", "rgb24", "image2"),
}
"""The encoder, pixel format and container of each suffix."""
SEEN = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: np.rot90(STORED, -1),
    7: STORED[::-1, ::-1].T,
    8: np.rot90(STORED),
}
"""What is seen of the stored corners, by EXIF's orientation (CIPA DC-008 §4.6.5.1.4)."""


def corners() -> np.ndarray[Any, Any]:
    """Height x width x 3, RGB."""
    cells = np.array([[COLOURS[letter] for letter in row] for row in STORED], np.uint8)
    return np.repeat(np.repeat(cells, SIZE[1] // 2, axis=0), SIZE[0] // 2, axis=1)


def seen(frame: av.VideoFrame) -> list[list[str]]:
    """The corners of a picture, by the nearest of the colours."""
    picture = frame.to_ndarray(format="rgb24").astype(int)
    height, width = picture.shape[:2]

    def letter(y: int, x: int) -> str:
        return min(COLOURS, key=lambda name: int(np.abs(picture[y, x] - COLOURS[name]).sum()))

    return [[letter(y, x) for x in (width // 4, width * 3 // 4)] for y in (height // 4, height * 3 // 4)]


def save_pictures(path: Path, count: int = 1, fps: int = 10) -> Path:
    """So many pictures, all the same, in the format of the suffix."""
    codec, pixels, container = CODECS[path.suffix]
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def add_exif(path: Path, orientation: int) -> None:
    """Write an orientation into a JPEG, PNG or WebP file."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    path.write_bytes({".jpg": _jpeg, ".png": _png, ".webp": _webp}[path.suffix](path.read_bytes(), exif))


def _jpeg(data: bytes, exif: bytes) -> bytes:
    segment = b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def _png(data: bytes, exif: bytes) -> bytes:
    chunk = b"eXIf" + exif
    after_header = 8 + 12 + 13
    made = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:after_header] + made + data[after_header:]


def _webp(data: bytes, exif: bytes) -> bytes:
    width, height = ((side - 1).to_bytes(3, "little") for side in SIZE)
    extended = b"VP8X" + struct.pack("<IB3x", 10, 0x08) + width + height
    chunks = extended + data[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def write_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write a display matrix into the track header of an MP4 file (ISO/IEC 14496-12 §8.3.2)."""
    data = bytearray(path.read_bytes())
    one = 1 << 16
    header = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[header : header + 36] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
