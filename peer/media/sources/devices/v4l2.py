"""What Linux cameras are called and can do, asked of their drivers (Video for Linux API, `linux/videodev2.h`).

PyAV can open a camera but not tell its sizes and rates. The questions disturb nobody: they are answered while another
program has the camera.
"""

import ctypes
import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from peer.media.sources.devices.modes import Mode

CAPTURE, STREAMING, OWN_CAPABILITIES = 0x1, 0x0400_0000, 0x8000_0000
DISCRETE = 1  # of the three types of sizes and of rates; the others are ranges
FORMATS = {  # FFmpeg's names of the kernel's pixel formats
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "YU12": "yuv420p",
    "422P": "yuv422p",
    "NV12": "nv12",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "BGR4": "bgr0",
    "GREY": "gray",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "H264": "h264",
}
MOST_ANSWERS = 64  # of a driver to one question: one that never ends its list must not hang us


class _Capability(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class _FormatDescription(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", ctypes.c_uint32),
        ("mbus_code", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class _FrameSize(ctypes.Structure):
    """`values` are width and height, or the ranges' minimum, maximum and step of width, then of height."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("values", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    )


class _FrameInterval(ctypes.Structure):
    """`values` are numerator and denominator of the seconds, or those of the minimum, the maximum and the step."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("values", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    )


_Ask = Callable[[int, ctypes.Structure], None]
StructureT = TypeVar("StructureT", bound=ctypes.Structure)


def _request(direction: int, number: int, structure: type[ctypes.Structure]) -> int:
    """The number of an ioctl, as the macros of `asm-generic/ioctl.h` build it (1: we write, 2: we read, 3: both)."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


QUERY_CAPABILITY = _request(2, 0, _Capability)
ENUMERATE_FORMATS = _request(3, 2, _FormatDescription)
ENUMERATE_SIZES = _request(3, 74, _FrameSize)
ENUMERATE_INTERVALS = _request(3, 75, _FrameInterval)


@dataclass(frozen=True)
class Node:
    """A device file that gives pictures. `card` is its name for people; `bus` is where it is plugged in."""

    path: str
    card: str
    bus: str


def nodes(root: Path = Path("/dev")) -> list[Node]:
    """All device files of cameras, in the order of their numbers. Those that may not be opened have no names."""
    found = []
    paths = (path for path in root.glob("video*") if re.fullmatch(r"video\d+", path.name))
    for path in sorted(paths, key=lambda path: int(path.name[5:])):
        try:
            node = describe(str(path))
        except OSError as error:
            # A file of another kind is none of ours; a camera that only others may use is worth an error of its own.
            node = Node(str(path), "", "") if error.errno in (errno.EACCES, errno.EPERM, errno.EBUSY) else None
        if node is not None:
            found.append(node)
    return found


def describe(path: str) -> Node | None:
    """The names of a camera, or None if the file gives something else, such as a camera's timing data."""
    answer = _Capability()
    with _Asking(path) as ask:
        ask(QUERY_CAPABILITY, answer)
    own = answer.device_caps if answer.capabilities & OWN_CAPABILITIES else answer.capabilities
    if not own & CAPTURE or not own & STREAMING:
        return None
    return Node(path, _text(answer.card), _text(answer.bus_info))


def modes(path: str) -> list[Mode]:
    """What a camera can do, in its driver's order. Raises OSError where it can't be asked."""
    found = []
    with _Asking(path) as ask:
        for description in _answers(ask, ENUMERATE_FORMATS, lambda index: _FormatDescription(index=index, type=1)):
            pixel_format = description.pixelformat
            for size in _sizes(ask, pixel_format):
                found.append(Mode(name_of(pixel_format), size, tuple(_rates(ask, pixel_format, size))))  # noqa: PERF401
    return found


def name_of(pixel_format: int) -> str:
    """FFmpeg's name of a pixel format, else the four letters of its number."""
    letters = (pixel_format & 0x7FFF_FFFF).to_bytes(4, "little").decode("ascii", "replace").strip()
    return FORMATS.get(letters, letters)


def _sizes(ask: _Ask, pixel_format: int) -> list[tuple[int, int]]:
    sizes = []
    for answer in _answers(ask, ENUMERATE_SIZES, lambda index: _FrameSize(index=index, pixel_format=pixel_format)):
        first, second, *rest = answer.values
        if answer.type != DISCRETE:
            return [(second, rest[2])]  # the maxima
        sizes.append((first, second))
    return sizes


def _rates(ask: _Ask, pixel_format: int, size: tuple[int, int]) -> list[float]:
    def question(index: int) -> _FrameInterval:
        return _FrameInterval(index=index, pixel_format=pixel_format, width=size[0], height=size[1])

    rates = []
    for answer in _answers(ask, ENUMERATE_INTERVALS, question):
        numerator, denominator, *_ = answer.values  # of a range: its shortest interval
        if numerator and denominator:
            rates.append(float(Fraction(denominator, numerator)))
        if answer.type != DISCRETE:
            break
    return sorted(rates)


class _Asking:
    """A device file while it is open for questions."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> _Ask:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        return self._ask

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _ask(self, request: int, structure: ctypes.Structure) -> None:
        fcntl.ioctl(self._descriptor, request, structure)


def _answers(ask: _Ask, request: int, question: Callable[[int], StructureT]) -> Iterator[StructureT]:
    """The answers to a question that has a list of them: the driver says EINVAL behind the last."""
    for index in range(MOST_ANSWERS):
        asked = question(index)
        try:
            ask(request, asked)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):  # the end, or a question that the driver does not know
                return
            raise
        yield asked


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()


def named(name: str, root: Path = Path("/dev")) -> list[Node]:
    """The cameras with this name or place, else those that have it as a part of them."""
    found = nodes(root)
    exact = [node for node in found if name in (node.card, node.bus)]
    return exact or [node for node in found if name.casefold() in f"{node.card} {node.bus}".casefold()]


def again(node: Node, root: Path = Path("/dev")) -> Node | None:
    """A camera that was unplugged and is back, perhaps in another place and with another number; None if it is not."""
    found = [each for each in nodes(root) if each.card == node.card]
    return next((each for each in found if each.bus == node.bus), found[0] if found else None)
