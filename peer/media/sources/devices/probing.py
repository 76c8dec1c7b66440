"""Finds a camera or microphone that works, by opening it for a moment and reading what it gives."""

import errno
import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av

from peer.errors import MediaError
from peer.media.base.threads import in_time
from peer.media.sound_cards import alsa
from peer.media.sources.devices.devices import Device, Opening

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that a device is given to open and to give its first frame

ABSENT, STRANGE = "is not there (is it plugged in?)", "is not such a device (check the name)"
MEANINGS = {
    errno.ENOENT: ABSENT,
    errno.ENXIO: ABSENT,
    errno.ENODEV: ABSENT,
    errno.EBUSY: "is in use (close the program that uses it)",
    errno.ECONNREFUSED: "can't be reached (is PulseAudio or PipeWire running?)",
    errno.ENOTTY: STRANGE,
    errno.EISDIR: STRANGE,
}


@dataclass(frozen=True)
class Found:
    """A device that works, the way to open it, and what it gave: "1280x720 30 fps"."""

    device: Device
    opening: Opening
    gives: str
    size: tuple[int, int] | None = None  # width, height of a camera's pictures, in pixels

    @property
    def label(self) -> str:
        """For people: "camera /dev/video0 1280x720 30 fps"."""
        return f"{self.device.label} {self.gives}".strip()


async def find(devices: list[Device], patience: float = PATIENCE) -> Found:
    """Try the devices, at least one, and the ways to open each, in order; return the first that works.

    Raises MediaError with what was wrong with the first device and what to do about it.
    """
    problems = []
    for device in devices:
        for opening in device.openings:
            try:
                gives, size = await in_time(partial(_try, opening), patience)
            except (OSError, av.FFmpegError) as error:  # TimeoutError is an OSError
                logger.debug("%s does not open with %s: %s", device.label, opening, error)
                problem = real_error(error, opening)
                if isinstance(error, TimeoutError):
                    break  # the thread that waits for it has it still
            else:
                return Found(device, opening, gives, size)
        problems.append(f"{device.label} {explained(problem, device.kind)}")
    raise MediaError(problems[0])


def explained(error: Exception, kind: str) -> str:
    """What an error of a device means, and what to do: goes after the device's name."""
    if isinstance(error, TimeoutError) and not isinstance(error, av.FFmpegError):
        return "gives nothing (unplug it and plug it in again)"
    code = getattr(error, "errno", None) or 0
    if code in (errno.EACCES, errno.EPERM):
        return f"may not be opened (add this user to the group {kind})"
    if code in (errno.EIO, errno.ENOENT) and kind == "audio":  # what ALSA says when a name leads to no card
        return "can't be opened (is there a sound card?)"
    if code in MEANINGS:
        return MEANINGS[code]
    return f"fails: {(getattr(error, 'strerror', None) or str(error)).lower()}"


def real_error(error: Exception, opening: Opening) -> Exception:
    """What PyAV says of ALSA is always the same, and of a camera that was unplugged it varies; look again."""
    if opening.format == "v4l2" and not Path(opening.file).exists():
        return OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    if opening.format != "alsa" or getattr(error, "errno", None) != errno.EIO:
        return error
    number = alsa.trouble(opening.file)
    return OSError(number, os.strerror(number)) if number else error


def _try(opening: Opening) -> tuple[str, tuple[int, int] | None]:
    """Open a device, wait for its first frame, close it, and say what it gives."""
    with av.open(opening.file, format=opening.format, options=opening.options) as file:
        for frame in file.decode(file.streams[0]):
            if not isinstance(frame, av.VideoFrame):
                return "", None
            stream = file.streams.video[0]
            rate = stream.average_rate or stream.base_rate
            gives = f"{frame.width}x{frame.height}" + (f" {float(rate):.4g} fps" if rate else "")
            return gives, (frame.width, frame.height)
    raise TimeoutError
