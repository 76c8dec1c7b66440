"""Cameras and microphones: what has to be passed to PyAV to open one, on each platform.

Nothing is opened here. Each function takes the platform (a value of `sys.platform`), so that what is passed on one
can be tested on another.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import av.device

from peer.media import alsa

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

    @property
    def label(self) -> str:
        """For people: "camera /dev/video0"."""
        return f"{NOUNS[self.kind]} {self.name}"


def cameras(
    name: str = "", size: tuple[int, int] | None = None, fps: float | None = None, platform: str = sys.platform
) -> list[Device]:
    """The cameras to try, in order: those with this name or number, or all. None need exist."""
    size, fps = size or SIZE, fps or FPS
    asked = {"video_size": f"{size[0]}x{size[1]}", "framerate": f"{fps:g}"}
    if platform == "darwin":
        format_, names, prefix = "avfoundation", [name or "default"], ""
        ways: list[dict[str, str]] = [{**asked, "pixel_format": "nv12"}, {"framerate": f"{fps:g}"}, {}]
    elif platform == "win32":
        format_, names, prefix = "dshow", _listed(name, "dshow", "video"), "video="
        ways = _compressed_first(size, {"vcodec": "mjpeg", **asked}, asked)
    else:
        format_, names, prefix = "v4l2", _video_nodes(name), ""
        ways = _compressed_first(size, {"input_format": "mjpeg", **asked}, asked)
    return [Device("video", each, [Opening(prefix + each, format_, way) for way in ways]) for each in names]


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
    # "plug" converts what the card can't do by itself: 48 kHz, two channels
    names = [name] if name else ["default", *(f"plughw:{card}" for card in alsa.sound_cards())]
    options = {"sample_rate": "48000", "channels": "2"}
    return [Device("audio", each, [Opening(each, "alsa", options)]) for each in names]


def _compressed_first(size: tuple[int, int], compressed: dict[str, str], raw: dict[str, str]) -> list[dict[str, str]]:
    """Ways to open a camera. Without any wishes it may give 5 pictures a second, so that comes last."""
    ways = [compressed, raw] if size[0] * size[1] > RAW_PIXELS else [raw, compressed]
    return [*ways, {"video_size": raw["video_size"]}, {}]


def _video_nodes(name: str, root: Path = Path("/dev")) -> list[str]:
    if name.startswith("/"):
        return [name]
    if name.isdecimal():
        return [str(root / f"video{name}")]
    if name:
        return _listed(name, "v4l2", "video")
    nodes = (path for path in root.glob("video*") if re.fullmatch(r"video\d+", path.name))
    return [str(path) for path in sorted(nodes, key=lambda path: int(path.name[5:]))]


def _listed(name: str, format_: str, kind: str) -> list[str]:
    """The devices that the system lists, whose name or description has `name` in it."""
    wanted = name.casefold()
    return [
        device.name
        for device in av.device.enumerate_input_devices(format_)
        if wanted in f"{device.name} {device.description}".casefold()
        and (kind in device.media_types or not device.media_types)
    ]
