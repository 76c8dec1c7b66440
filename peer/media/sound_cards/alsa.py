"""Makes the ALSA library that comes inside PyAV's wheel usable.

It looks for its configuration in a directory of the machine that it was built on, and writes to the terminal whatever
it fails at. Both can be helped from outside, by environment variables and by a function of its own.
"""

import contextlib
import ctypes
import functools
import os
from collections.abc import Mapping
from pathlib import Path

import av  # noqa: F401 brings ALSA into the process

PLUGIN_DIRECTORIES = ["usr/lib/*/alsa-lib", "usr/lib64/alsa-lib", "usr/lib/alsa-lib"]  # Debian, Fedora, Arch and others

CAPTURE, NONBLOCK = 1, 1  # of ALSA's pcm.h

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


def _silence() -> None:
    """Take ALSA's error messages: what people need to know, the exception says.

    The way to PulseAudio and PipeWire is a plugin of the system's, and brings the system's own copy of ALSA.
    """
    copies = [library()]
    with contextlib.suppress(OSError):  # there is none
        copies.append(ctypes.CDLL("libasound.so.2"))
    for copy in copies:
        if copy is not None:
            copy.snd_lib_error_set_handler(_ignore)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The very copy of ALSA that PyAV uses."""
    with Path("/proc/self/maps").open() as maps:
        path = next((line.split(maxsplit=5)[5].strip() for line in maps if "libasound" in line), None)
    return ctypes.CDLL(path) if path else None


def trouble(name: str) -> int:
    """The number of the error with which this microphone can't be opened, which PyAV does not tell; 0 if it can."""
    prepare()
    loaded = library()
    if loaded is None:
        return 0
    handle = ctypes.c_void_p()
    failure = int(loaded.snd_pcm_open(ctypes.byref(handle), name.encode(), CAPTURE, NONBLOCK))
    if failure == 0:
        loaded.snd_pcm_close(handle)
    return -failure


def _ignore_message(file: bytes, line: int, function: bytes, error: int, form: bytes) -> None:
    """Called by ALSA for each message."""


_ignore = ErrorHandler(_ignore_message)  # ALSA keeps its address, so it must live as long as the process
