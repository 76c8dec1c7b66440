"""Makes the ALSA library that comes inside PyAV's wheel usable.

It looks for its configuration in a directory of the machine that it was built on, and writes to the terminal whatever
it fails at. Both can be helped from outside, by environment variables and by a function of its own.
"""

import ctypes
import functools
import os
from collections.abc import Mapping
from pathlib import Path

import av  # noqa: F401 brings ALSA into the process

PLUGIN_DIRECTORIES = ["usr/lib/*/alsa-lib", "usr/lib64/alsa-lib", "usr/lib/alsa-lib"]  # Debian, Fedora, Arch and others

ErrorHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)


@functools.cache
def prepare() -> None:
    """Do so once, before ALSA is used: it reads its environment only the first time."""
    os.environ.update(missing_environment(os.environ))
    _silence()


def missing_environment(environment: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """The variables that ALSA needs on this machine, less those that the user has set."""
    wanted = {}
    if (root / "usr/share/alsa/alsa.conf").exists():
        wanted["ALSA_CONFIG_DIR"] = str(root / "usr/share/alsa")
    plugins = (directory for pattern in PLUGIN_DIRECTORIES for directory in sorted(root.glob(pattern)))
    if found := next(plugins, None):
        wanted["ALSA_PLUGIN_DIR"] = str(found)
    return {name: value for name, value in wanted.items() if name not in environment}


def sound_cards(listing: Path = Path("/proc/asound/pcm")) -> list[int]:
    """The numbers of the cards that can record. A line of the kernel's list is "01-00: ALC : ALC : capture 1"."""
    try:
        lines = listing.read_text().splitlines()
    except OSError:  # no sound in this kernel, or none of our business
        return []
    return sorted({int(line.partition("-")[0]) for line in lines if "capture" in line})


def playing_cards(root: Path = Path("/proc/asound")) -> dict[str, str]:
    """The devices that can play, by names that last, with the kernel's descriptions."""
    try:
        lines = (root / "pcm").read_text().splitlines()
    except OSError:
        return {}
    found = {}
    for place, *words in (line.split(": ") for line in lines if "playback" in line):
        card, device = (int(number) for number in place.split("-"))
        name = (root / f"card{card}" / "id").read_text().strip()
        found[f"plughw:CARD={name},DEV={device}"] = words[0].strip()
    return found


def _silence() -> None:
    """Take ALSA's error messages: what people need to know, the exception says."""
    if (loaded := library()) is not None:
        loaded.snd_lib_error_set_handler(_ignore)


def library() -> ctypes.CDLL | None:
    """The very copy of ALSA that PyAV uses."""
    with Path("/proc/self/maps").open() as maps:
        path = next((line.split(maxsplit=5)[5].strip() for line in maps if "libasound" in line), None)
    return ctypes.CDLL(path) if path else None


def _ignore_message(file: bytes, line: int, function: bytes, error: int, form: bytes) -> None:
    """Called by ALSA for each message."""


_ignore = ErrorHandler(_ignore_message)  # ALSA keeps its address, so it must live as long as the process
