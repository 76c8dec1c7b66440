"""Cameras and microphones: what has to be passed to PyAV to open one, on each platform.

No device is taken here. Each function takes the platform (a value of `sys.platform`), so that what is passed on one
can be tested on another.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av.device

from peer.media.sound_cards import alsa, cards
from peer.media.sources.devices.modes import Mode, best_mode

if TYPE_CHECKING:
    from peer.media.sources.devices.v4l2 import Node

NOUNS = {"video": "camera", "audio": "microphone"}
SIZE, FPS = (1280, 720), 30.0
RAW_PIXELS = 640 * 480  # up to here, USB 2 carries 30 raw pictures a second; above, most cameras need to compress


@dataclass(frozen=True)
class Opening:
    """The arguments of one call of `av.open`."""

    file: str
    format: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """A camera or microphone, and the ways to open it, best first."""

    kind: str  # "video" or "audio"
    name: str
    openings: list[Opening]
    limit: tuple[int, int] | None = None  # width, height that larger pictures are made smaller to; None leaves them
    moved: Callable[[], str | None] | None = field(default=None, compare=False)
    """The file to open now, after the device was lost: it may have come back under another number."""

    @property
    def label(self) -> str:
        """For people: "camera /dev/video0"."""
        return f"{NOUNS[self.kind]} {self.name}"


def cameras(
    name: str = "", size: tuple[int, int] | None = None, fps: float | None = None, platform: str = sys.platform
) -> list[Device]:
    """The cameras to try, in order: those with this name or number, or all. None need exist."""
    if platform == "linux":
        return _v4l2_cameras(name, size, fps)
    size, fps = size or SIZE, fps or FPS
    asked = {"video_size": f"{size[0]}x{size[1]}", "framerate": f"{fps:g}"}
    if platform == "darwin":
        ways = [{**asked, "pixel_format": "nv12"}, {"framerate": f"{fps:g}"}, {}]
        return [Device("video", name or "default", [Opening(name or "default", "avfoundation", way) for way in ways])]
    ways = _compressed_first(size, {"vcodec": "mjpeg", **asked}, asked)
    found = _listed(name, "dshow", "video")
    return [Device("video", each, [Opening(f"video={each}", "dshow", way) for way in ways]) for each in found]


def _v4l2_cameras(name: str, size: tuple[int, int] | None, fps: float | None) -> list[Device]:
    from peer.media.sources.devices import v4l2  # noqa: PLC0415 it exists on Linux only

    if name.isdecimal():
        name = f"/dev/video{name}"
    if name.startswith("/"):
        try:
            found = [v4l2.describe(name) or v4l2.Node(name, "", "")]
        except OSError:
            found = [v4l2.Node(name, "", "")]  # opening it will tell what is wrong
    else:
        found = v4l2.named(name) if name else v4l2.nodes()
    return [_v4l2_camera(node, size, fps) for node in found]


def _v4l2_camera(node: "Node", size: tuple[int, int] | None, fps: float | None) -> Device:
    from peer.media.sources.devices import v4l2  # noqa: PLC0415 it exists on Linux only

    try:
        modes = v4l2.modes(node.path)
    except OSError:
        modes = []

    def moved() -> str | None:
        here = v4l2.again(node)
        return here.path if here else None

    openings = [Opening(node.path, "v4l2", way) for way in v4l2_ways(modes, size, fps)]
    return Device("video", node.path, openings, moved=moved if node.card else None)


def v4l2_ways(modes: list[Mode], size: tuple[int, int] | None, fps: float | None) -> list[dict[str, str]]:
    """Options to open a camera with, best first: the best of what it says it can do, then what most can."""
    ways = []
    wanted, rate = size or SIZE, fps or FPS
    mode = best_mode(modes, wanted, rate, exactly=size is not None)
    if mode is not None:
        best = {"input_format": mode.format, "video_size": f"{mode.size[0]}x{mode.size[1]}"}
        if chosen := mode.rate(rate):
            best["framerate"] = f"{chosen:g}"
        ways.append(best)
    asked = {"video_size": f"{wanted[0]}x{wanted[1]}", "framerate": f"{rate:g}"}
    return [*ways, *_compressed_first(wanted, {"input_format": "mjpeg", **asked}, asked)]


def microphones(name: str = "", platform: str = sys.platform) -> list[Device]:
    """The microphones to try, in order: the one with this name, or the system's choice and then the others."""
    if platform == "darwin":
        return [Device("audio", name or "default", [Opening(f":{name or 'default'}", "avfoundation")])]
    if platform == "win32":
        names = _listed(name, "dshow", "audio")
        # dshow's own buffer of half a second would be heard as delay
        return [
            Device("audio", each, [Opening(f"audio={each}", "dshow", {"audio_buffer_size": "20"})]) for each in names
        ]
    alsa.prepare()
    there = [pcm for pcm in cards.pcms() if pcm.records]
    names = [cards.find(name, there)] if name else ["default", *(pcm.alsa for pcm in there)]
    options = {"sample_rate": "48000", "channels": "2"}
    return [Device("audio", each, [Opening(each, "alsa", options)]) for each in names]


def _compressed_first(size: tuple[int, int], compressed: dict[str, str], raw: dict[str, str]) -> list[dict[str, str]]:
    """Ways to open a camera. Without any wishes it may give 5 pictures a second, so that comes last."""
    ways = [compressed, raw] if size[0] * size[1] > RAW_PIXELS else [raw, compressed]
    return [*ways, {"video_size": raw["video_size"]}, {}]


def _listed(name: str, format_: str, kind: str) -> list[str]:
    """The devices that the system lists, whose name or description has `name` in it."""
    wanted = name.casefold()
    return [
        device.name
        for device in av.device.enumerate_input_devices(format_)
        if wanted in f"{device.name} {device.description}".casefold()
        and (kind in device.media_types or not device.media_types)
    ]
