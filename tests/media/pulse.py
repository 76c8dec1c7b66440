"""A PulseAudio server of the test's own, whose speaker nobody hears: what is played there can be recorded."""

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np

RATE = 48000
READY_SECONDS = 30.0


class PulseServer:
    """With it, `environment` leads ALSA's default device, and everything of PulseAudio, to this server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.environment = {
            "PULSE_SERVER": f"unix:{directory / 'native'}",
            "PULSE_RUNTIME_PATH": str(directory),
            "PULSE_COOKIE": str(directory / "cookie"),
            "XDG_RUNTIME_DIR": str(directory),
            "HOME": str(directory),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        # Without "norewinds" an idle null sink sleeps for two seconds, unlike a speaker.
        self._process = subprocess.Popen(
            [
                *(
                    "pulseaudio",
                    "-n",
                    "--daemonize=no",
                    "--use-pid-file=no",
                    "--exit-idle-time=-1",
                    "--log-level=error",
                ),
                *("-L", f"module-native-protocol-unix socket={self._directory / 'native'} auth-anonymous=1"),
                *("-L", f"module-null-sink sink_name=ears rate={RATE} norewinds=1"),
            ],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run(["pactl", "info"], env=self._client(), capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "PulseAudio did not start"
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def listen(self) -> "Listener":
        return Listener(self._client())

    def _client(self) -> dict[str, str]:
        return os.environ | self.environment


class Listener:
    """Records what the server's speaker plays, with the moments when it was heard."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = ["parec", "--device=ears.monitor", "--format=s16le", f"--rate={RATE}", "--channels=1"]
        self._process = subprocess.Popen([*command, "--latency-msec=10"], env=environment, stdout=subprocess.PIPE)
        self._pieces: list[tuple[float, np.ndarray]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while data := os.read(self._process.stdout.fileno(), 4096):
            data = rest + data
            whole = len(data) // 2 * 2
            data, rest = data[:whole], data[whole:]
            self._pieces.append((time.monotonic(), np.frombuffer(data, np.int16)))

    @property
    def sound(self) -> np.ndarray:
        """All that was heard so far, -1 to 1."""
        return np.concatenate([np.empty(0, np.int16), *(piece for _, piece in list(self._pieces))]) / 32768

    def loud_from(self, above: float = 0.05, quiet: float = 0.3) -> list[float]:
        """The moments, on the monotonic clock, when sound began after so many seconds of silence."""
        begins, last = [], -np.inf
        for moment, piece in list(self._pieces):
            if (np.abs(piece) > above * 32768).any():
                if moment - last > quiet:
                    begins.append(moment)
                last = moment
        return begins
