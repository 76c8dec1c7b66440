"""The command `signaling` as a process of its own, which can be killed and stopped."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

PATIENCE = 20


class RelayProcess:
    """A running relay. `port` is known once it has said where it is."""

    def __init__(self, process: asyncio.subprocess.Process, greeting: str) -> None:
        self.process = process
        self.greeting = greeting
        found = re.search(r"ws://localhost:(\d+)", greeting)
        assert found, greeting
        self.port = int(found[1])
        self.url = f"ws://localhost:{self.port}"

    @classmethod
    @asynccontextmanager
    async def start(cls, *arguments: str, open_files: int | None = None, **environment: str) -> AsyncIterator[Self]:
        """Start it, and wait until it listens; at the end it is gone, whatever it was doing.

        With `open_files` it may have so many files open, and no more.
        """
        process = await run(*arguments, open_files=open_files, **environment)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                yield cls(process, (await process.stdout.readline()).decode())
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal. Returns its exit code."""
        self.process.send_signal(number)
        return await self.process.wait()


async def run(*arguments: str, open_files: int | None = None, **environment: str) -> asyncio.subprocess.Process:
    """Run the command with these arguments, its output captured."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")}
    limit = [] if open_files is None else ["prlimit", f"--nofile={open_files}:{open_files}"]
    return await asyncio.create_subprocess_exec(
        *limit, sys.executable, "-m", "signaling", *arguments,
        env=inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def failure(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command until it fails. Returns its exit code, and what it said on its standard error."""
    process = await run(*arguments, **environment)
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    assert output == b""
    assert process.returncode is not None
    return process.returncode, errors.decode()
