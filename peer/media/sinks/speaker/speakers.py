"""The ways to a loudspeaker, behind one interface: ALSA on Linux, PortAudio elsewhere.

PyAV can write to ALSA, too, but only through a buffer of 2.7 s whose fill it doesn't tell; so ALSA is called directly,
in the copy that comes with PyAV, which also reaches PulseAudio and PipeWire. On macOS and Windows PyAV has no way out.
"""

import ctypes
import sys
from typing import Any, Protocol

from peer.errors import MediaError
from peer.media.base.sound import RATE, Samples
from peer.media.sound_cards import alsa, cards

LATENCY = 0.06
"""Seconds that the system is asked to hold: as little as ordinary machines play without gaps."""
WORDS = ("", "default", "speaker")
"""They all mean the speaker that the system would choose."""

# Of ALSA's pcm.h.
PLAYBACK, NONBLOCK, INTERLEAVED = 0, 1, 3
S16 = 2 if sys.byteorder == "little" else 3


class Output(Protocol):
    """An open speaker: 48 kHz, two channels. Its methods block, and raise OSError when it is gone."""

    def write(self, samples: Samples) -> None:
        """Play these after all before; returns when they have room in the buffer of `LATENCY`."""

    def close(self) -> None:
        """Stop at once, and let go of the device."""


def speakers(platform: str = sys.platform) -> dict[str, str]:
    """The speakers that can be named, with their descriptions; the one that the system would choose is first."""
    if platform == "linux":
        return {"default": "the system's choice", **{pcm.alsa: pcm.name for pcm in cards.pcms() if pcm.plays}}
    sounddevice = _sounddevice()
    listed = [device for device in sounddevice.query_devices() if device["max_output_channels"] > 0]
    return {"default": "the system's choice", **{device["name"]: "" for device in listed}}


def open_speaker(name: str, platform: str = sys.platform) -> Output:
    """Open the speaker with this name. Raises MediaError, one line."""
    name = name.removeprefix("speaker:")
    name = "default" if name in WORDS else name
    try:
        return AlsaOutput(name) if platform == "linux" else PortAudioOutput(None if name == "default" else name)
    except OSError as error:
        what = "a speaker" if name == "default" else f"the speaker {name}"
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"can't open {what}: {reason}; see peer devices, or leave out --play") from error


class AlsaOutput:
    """A speaker through ALSA. https://www.alsa-project.org/alsa-doc/alsa-lib/pcm.html"""

    def __init__(self, name: str) -> None:
        alsa.prepare()
        library = alsa.library()
        if library is None:
            raise OSError("PyAV came without ALSA")
        self._alsa: Any = library
        self._alsa.snd_strerror.restype = ctypes.c_char_p
        self._alsa.snd_pcm_writei.restype = ctypes.c_long
        self._alsa.snd_pcm_writei.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong]
        self._pcm = ctypes.c_void_p()
        # Without waiting, since a device that is in use would be waited for.
        self._check(self._alsa.snd_pcm_open(ctypes.byref(self._pcm), name.encode(), PLAYBACK, NONBLOCK))
        try:
            self._check(self._alsa.snd_pcm_nonblock(self._pcm, 0))
            convert, microseconds = 1, round(LATENCY * 1_000_000)
            self._check(self._alsa.snd_pcm_set_params(self._pcm, S16, INTERLEAVED, 2, RATE, convert, microseconds))
        except OSError:
            self.close()
            raise

    def write(self, samples: Samples) -> None:
        """See Output."""
        data = samples.tobytes()
        offset = 0
        while offset < len(data):
            pointer = ctypes.byref(ctypes.create_string_buffer(data[offset:], len(data) - offset))
            written = self._alsa.snd_pcm_writei(self._pcm, pointer, (len(data) - offset) // 4)
            if written < 0:  # it ran out of sound, or the machine was asleep
                self._check(self._alsa.snd_pcm_recover(self._pcm, int(written), 1))
            else:
                offset += 4 * written

    def close(self) -> None:
        """See Output."""
        self._alsa.snd_pcm_drop(self._pcm)
        self._alsa.snd_pcm_close(self._pcm)

    def _check(self, result: int) -> None:
        if result < 0:
            raise OSError(-result, self._alsa.snd_strerror(result).decode())


class PortAudioOutput:
    """A speaker through PortAudio: on macOS by Core Audio, on Windows by WASAPI and its elders."""

    def __init__(self, name: str | None) -> None:
        self._module = module = _sounddevice()
        try:
            self._stream = module.RawOutputStream(
                samplerate=RATE, channels=2, dtype="int16", device=name, latency=LATENCY
            )
            self._stream.start()
        except (ValueError, module.PortAudioError) as error:
            raise OSError(str(error)) from error

    def write(self, samples: Samples) -> None:
        """See Output."""
        try:
            self._stream.write(samples.tobytes())
        except self._module.PortAudioError as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """See Output."""
        self._stream.abort()
        self._stream.close()


def _sounddevice() -> Any:
    try:
        import sounddevice  # type: ignore[import-not-found] # noqa: PLC0415 only where it is needed
    except (ImportError, OSError) as error:
        raise MediaError("playing sound needs the package sounddevice here: pip install sounddevice") from error
    return sounddevice
