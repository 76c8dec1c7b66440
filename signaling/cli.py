"""The command `signaling`: a relay in the foreground, until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

from .config import ConfigError, RelayConfig, add_arguments
from .logs import set_up_logging
from .relay import CONNECTIONS_FOR_PAGES, Relay, RelayStartError

GRACE = 4.0
"""Seconds that clients have to answer the close when the relay ends; with start-up and exit it ends within five."""


OWN_FILES = 64
"""Files that the process needs for itself, with some to spare."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit code: 0 ended on request, 1 can't listen; a usage error exits with 2."""
    parser = argparse.ArgumentParser(
        prog="signaling",
        description="Introduces the two ends of a WebRTC call to each other, and serves a page to try it on.",
        epilog="Ends on Ctrl-C and on SIGTERM, after a word to every client.",
    )
    add_arguments(parser)
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log clients; twice: every message")
    options = parser.parse_args(arguments)
    try:
        config = _fit_to_file_limit(RelayConfig.from_environment_and_arguments(os.environ, options))
    except ConfigError as error:
        parser.error(str(error))
    _set_up_logging(options.verbose)
    try:
        asyncio.run(_serve(config))
    except RelayStartError as error:
        _say(str(error))
        return 1
    return 0


def _say(line: str) -> None:
    """Write what the user must read."""
    print(f"signaling: {line}", file=sys.stderr, flush=True)  # noqa: T201


def _fit_to_file_limit(config: RelayConfig) -> RelayConfig:
    """Raise the limit of open files for as many clients as are configured, else take fewer clients.

    The usual limit of 1024 protects programs that use `select`; asyncio uses better. A relay without a file to
    spare could accept nobody, not even those who only ask for the page.
    """
    if sys.platform == "win32":  # has no such limit
        return config
    import resource  # noqa: PLC0415  # not on every platform

    wanted = config.max_connections + CONNECTIONS_FOR_PAGES + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return config
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    return replace(config, max_connections=max(1, config.max_connections - (wanted - possible)))


async def _serve(config: RelayConfig) -> None:
    """Run a relay until a signal asks for its end."""
    loop = asyncio.get_running_loop()
    asked_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not loop.add_signal_handler, which Windows has not.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(asked_to_end.set))
    async with Relay(config, on_refused=_say) as relay:
        print(f"The page is at {relay.page_url}, the relay at {relay.url}. Ctrl-C ends it.", flush=True)  # noqa: T201
        await asked_to_end.wait()
        await relay.close(grace=GRACE)


def _set_up_logging(verbosity: int) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    set_up_logging(level, "%(asctime)s %(levelname)s %(message)s")
    if level > logging.DEBUG:
        # The library's words on each connection say nothing that the relay's own don't.
        logging.getLogger("signaling.websocket").setLevel(logging.WARNING)
