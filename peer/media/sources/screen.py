"""The screen as a source: what is asked for, and what has to be passed to PyAV to capture it, on each platform.

Linux is captured through X11, macOS through AVFoundation, Windows through GDI. Each function takes the platform (a
value of `sys.platform`) and the environment, so that what is passed on one can be tested on another.
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import av
import av.device

from peer.errors import MediaError, UsageError
from peer.media.base.source import Notify, SourceRequest
from peer.media.base.threads import in_time
from peer.media.sources.devices.devices import Device, Opening
from peer.media.sources.devices.probing import Found

LARGEST = (1920, 1080)  # what a screen is sent with unless a size is asked for: more takes a processor too long
FPS = 30.0
PATIENCE = 5.0  # seconds that a display is given to answer
SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 where X servers listen, one socket named X and a number for each

_REGION = re.compile(r"(\d{1,5})x(\d{1,5})(?:\+(\d{1,5})\+(\d{1,5}))?")
_DISPLAY = re.compile(r"[^,\s]*:\d+(\.\d+)?|\d+")
_FORMS = "write screen, screen:WxH+X+Y, screen:DISPLAY or screen:DISPLAY,WxH+X+Y"


@dataclass(frozen=True)
class Region:
    """A rectangle of a screen, in pixels."""

    width: int
    height: int
    left: int = 0
    top: int = 0

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"


@dataclass(frozen=True)
class Screen:
    """A screen that can be captured: its value for `--video`, and its size in pixels where that is known."""

    value: str
    size: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """For people: "1920x1080"."""
        return f"{self.size[0]}x{self.size[1]}" if self.size else ""


@dataclass(frozen=True)
class ScreenDevice(Device):
    """A screen as something to capture."""

    @property
    def label(self) -> str:
        """For people: "screen :0"."""
        return f"screen {self.name}".strip()


@dataclass(frozen=True)
class ScreenWish:
    """What follows `screen:` in an option."""

    display: str = ""
    region: Region | None = None


def parse_screen(wanted: str) -> ScreenWish:
    """Read `screen`, `screen:WxH+X+Y`, `screen:DISPLAY` or `screen:DISPLAY,WxH+X+Y`. Raises UsageError."""
    wish = ScreenWish()
    for part in wanted.partition(":")[2].split(",") if ":" in wanted else []:
        if (match := _REGION.fullmatch(part)) and wish.region is None:
            width, height, left, top = (int(number or 0) for number in match.groups())
            wish = replace(wish, region=Region(width, height, left, top))
        elif _DISPLAY.fullmatch(part) and wish == ScreenWish():
            wish = replace(wish, display=part)
        else:
            raise UsageError(f"{wanted[:60]!r} names no part of a screen: {_FORMS}")
    if wish.region is not None and min(wish.region.width, wish.region.height) < 16:
        raise UsageError(f"{wanted[:60]!r}: a region of a screen is at least 16x16")
    return wish


async def find_screen(
    wanted: str,
    request: SourceRequest,
    notify: Notify,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> Found:
    """The screen that is asked for, opened for a moment. Raises MediaError or UsageError, one line.

    Its pictures are sent with at most the size of the request, or else `LARGEST`, and keep their shape.
    """
    wish = parse_screen(wanted)
    if wish.region is not None and platform == "darwin":
        raise UsageError(f"screen:{wish.region}: macOS captures whole screens only; leave the region out")
    opening = whole_screen(wish.display, request.fps or FPS, platform, environment)
    try:
        size = await in_time(lambda: _size(opening), PATIENCE)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(_why_closed(opening, platform)) from error
    region = _within(wish.region, size)
    name = opening.file if platform not in ("darwin", "win32") else ""
    device = ScreenDevice("video", name, [part_of_screen(opening, region, platform)], request.size or LARGEST)
    if platform not in ("darwin", "win32") and environment.get("WAYLAND_DISPLAY") and not wish.display:
        notify("this is a Wayland session: the screen shows only windows of X programs; log in with Xorg to send all")
    gives = str(region) if wish.region is not None else f"{region.width}x{region.height}"
    return Found(device, device.openings[0], f"{gives} {request.fps or FPS:g} fps")


def screens(
    platform: str = sys.platform, environment: Mapping[str, str] = os.environ, sockets: Path = SOCKETS
) -> list[Screen]:
    """The screens that can be captured now, the one that `screen` means first. Opens each for a moment; blocks."""
    if platform == "win32":
        return [Screen("screen")]
    if platform == "darwin":
        names = [device.description for device in av.device.enumerate_input_devices("avfoundation")]
        numbers = [match[1] for name in names if (match := re.fullmatch(r"Capture screen (\d+)", name))]
        return [Screen("screen" if number == "0" else f"screen:{number}") for number in numbers]
    chosen = environment.get("DISPLAY", "")
    others = sorted(f":{path.name[1:]}" for path in sockets.glob("X*") if path.name[1:].isdecimal())
    found = []
    for display in [*([chosen] if chosen else []), *(name for name in others if name != chosen)]:
        try:
            size = _size(whole_screen(display, FPS, platform, environment))
        except (OSError, av.FFmpegError):
            continue  # a server that is gone, or another user's
        found.append(Screen("screen" if display == chosen else f"screen:{display}", size))
    return found


def whole_screen(display: str, fps: float, platform: str, environment: Mapping[str, str]) -> Opening:
    """What opens a screen in its own size."""
    rate = {"framerate": f"{fps:g}"}
    if platform == "darwin":
        return Opening(f"Capture screen {display or 0}:none", "avfoundation", {**rate, "capture_cursor": "1"})
    if platform == "win32":
        if display:
            raise UsageError(f"screen:{display}: on Windows all monitors are one screen; name a region of it")
        return Opening("desktop", "gdigrab", rate)
    display = f":{display}" if display.isdecimal() else display or environment.get("DISPLAY", "")
    if display:
        return Opening(display, "x11grab", rate)
    if environment.get("WAYLAND_DISPLAY"):
        raise MediaError(
            "can't capture the screen: this is a Wayland session without an X display; install xwayland to send the "
            "windows of X programs, or log in to an Xorg session to send the whole screen"
        )
    raise MediaError(
        "there is no screen to capture: DISPLAY is not set; start the peer on a desktop, or name an X display, such "
        "as screen::0"
    )


def part_of_screen(opening: Opening, region: Region, platform: str) -> Opening:
    """What opens this region of a screen. Sizes are even, because a border that is scaled away blurs every letter."""
    if platform == "darwin":
        return opening
    left, top = ("offset_x", "offset_y") if platform == "win32" else ("grab_x", "grab_y")
    size = f"{region.width & ~1}x{region.height & ~1}"
    return replace(
        opening, options={**opening.options, "video_size": size, left: str(region.left), top: str(region.top)}
    )


def _within(region: Region | None, size: tuple[int, int]) -> Region:
    """The region, or the whole; raises when it is not on the screen."""
    if region is None:
        return Region(*size)
    if region.left + region.width > size[0] or region.top + region.height > size[1]:
        raise UsageError(f"screen:{region} is not on the screen, which is {size[0]}x{size[1]}; choose a smaller region")
    return region


def _size(opening: Opening) -> tuple[int, int]:
    with av.open(opening.file, format=opening.format, options=opening.options) as file:
        stream = file.streams.video[0]
        return stream.width, stream.height


def _why_closed(opening: Opening, platform: str) -> str:
    if platform == "darwin":
        return (
            f"{opening.file.partition(':')[0].lower()} can't be captured; check its number with peer devices, and "
            "allow the terminal to record the screen (System Settings, Privacy & Security)"
        )
    if platform == "win32":
        return "the screen can't be captured; start the peer in the session that is shown on it"
    return (
        f"the X display {opening.file} can't be captured: nothing there, or not allowed; check the name (echo "
        "$DISPLAY) and that this user may use it (xauth, xhost)"
    )
