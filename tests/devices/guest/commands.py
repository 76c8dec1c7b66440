"""Commands of this project inside the machine, and the tone that is played into its sound card."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from peer.cli.main import main


class Command:
    """The command `peer` with some arguments, in a process of its own; its output goes to `NAME.out` and `NAME.err`.

    The process is forked from this one, which has loaded all that the command needs.
    """

    def __init__(self, out: Path, name: str, *arguments: str) -> None:
        self.output, self.errors = out / f"{name}.out", out / f"{name}.err"
        self.output.touch()
        self._code: int | None = None  # once it has ended
        self.pid = os.fork()
        if self.pid == 0:
            self._become(arguments)

    def _become(self, arguments: tuple[str, ...]) -> None:
        code = 70  # for what is raised below, with its traceback in the file
        try:
            os.setsid()
            for path, descriptor in ((self.output, 1), (self.errors, 2)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
            code = main(arguments)
            sys.stdout.flush()
        finally:
            os._exit(code)

    def wait_for(self, pattern: str, seconds: float = 120, count: int = 1) -> None:
        """Wait until a line of the output matches, so many times."""
        limit = time.monotonic() + seconds
        while len(re.findall(pattern, self.output.read_text(), re.MULTILINE)) < count:
            if time.monotonic() > limit or self._ended():
                raise TimeoutError(f"no {pattern!r} in {self.output.read_text()!r}, {self.errors.read_text()!r}")
            time.sleep(0.05)

    def wait(self, seconds: float = 120) -> int:
        """The exit code, when it has ended."""
        limit = time.monotonic() + seconds
        while not self._ended():
            if time.monotonic() > limit:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"{self.output.name} does not end: {self.output.read_text()!r}")
            time.sleep(0.05)
        assert self._code is not None
        return self._code

    def _ended(self) -> bool:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the exit code."""
        os.kill(self.pid, number)
        return self.wait()


class Tone:
    """Plays a sine into the sound card until it is left."""

    def __init__(self, frequency: float, device: str = "plughw:0,1") -> None:
        command = ["speaker-test", "--device", device, "--test", "sine", "--frequency", str(frequency)]
        command += ["--channels", "2", "--rate", "48000"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "Tone":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def users(device: str) -> list[str]:
    """The processes that have a device open."""
    links = (link for link in Path("/proc").glob("[0-9]*/fd/*") if link.is_symlink())
    found = []
    for link in links:
        try:
            if str(link.readlink()) == device:
                found.append(link.parts[2])
        except OSError:  # it ended just now
            continue
    return found
