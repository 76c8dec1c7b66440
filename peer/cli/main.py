"""The command `peer`. One function turns errors into exit codes; the others run as if there were none."""

import argparse
import asyncio
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from peer.background import describe, watch_loop
from peer.cli.commands import COMMANDS, find_command
from peer.cli.console import Console
from peer.cli.keyboard import keys_for
from peer.config import DEFAULT_CONNECT_TIMEOUT, DEFAULT_PORT, DEFAULT_SIGNALING, LATENCIES, VIDEO_CODECS, PeerOptions
from peer.errors import ExitCode, PeerError, UsageError
from peer.events import Ended, Problem
from signaling.logs import set_up_logging

_REPEATED = ("ice_server", "allow_origin")
"""Options that may be given more than once; in the environment, with spaces between."""

_SOURCES = "auto, test, none, a file or URL, or a device"


class _Parser(argparse.ArgumentParser):
    """Says a wrong option in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see peer --help)")


def parser() -> argparse.ArgumentParser:
    """The command's options. Each is also read from the environment: `--video-codec` as PEER_VIDEO_CODEC."""
    it = _Parser(
        prog="peer",
        description="Joins a browser video call from Python. Without options it sends camera and microphone (or a "
        f"test picture) by way of the relay at {DEFAULT_SIGNALING}, which it starts if none is there.",
        epilog="Every option can also be given in the environment, as PEER_ and its name: PEER_ROLE=answerer. "
        + "Other commands: "
        + "; ".join(f"peer {name} ({purpose})" for name, purpose in COMMANDS.items())
        + ".",
        allow_abbrev=False,
    )
    call = it.add_argument_group("call")
    call.add_argument("--role", metavar="ROLE", help="offerer (default) or answerer; the relay may give the other")
    call.add_argument("--signaling", metavar="URL", help=f"the relay's address (default {DEFAULT_SIGNALING})")
    call.add_argument(
        "--port", type=int, metavar="P", help=f"of the relay on this machine (default {DEFAULT_PORT}, or the next free)"
    )
    call.add_argument("--room", metavar="NAME", help="the room to meet in (default: with whoever waits longest)")
    call.add_argument("--token", help="what the relay asks for to let a peer in")
    call.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        help="let pages of this web origin use the relay that this process starts, beside pages of this machine",
    )
    call.add_argument("--once", action=_Switch, help="end when the first call ends")
    call.add_argument("--duration", type=float, metavar="S", help="end so many seconds after the first connection")
    call.add_argument(
        "--connect-timeout",
        type=float,
        metavar="S",
        help=f"seconds that a connection may take to come up (default {DEFAULT_CONNECT_TIMEOUT:g})",
    )
    sending = it.add_argument_group("what to send")
    sending.add_argument("--video", metavar="SOURCE", help=f"{_SOURCES} or screen (default auto: a camera, else test)")
    sending.add_argument("--audio", metavar="SOURCE", help=f"{_SOURCES} (default auto: a microphone, else test)")
    sending.add_argument("--size", metavar="WxH", help="picture size to ask a camera for, or to draw, in pixels")
    sending.add_argument("--fps", type=float, metavar="N", help="frames a second to ask for, or to draw")
    sending.add_argument("--loop", action=_Switch, help="begin a file again when it ends")
    sending.add_argument("--encoder", metavar="WHICH", help="of H264: software (default), auto for hardware, or a name")
    sending.add_argument("--max-bitrate", metavar="RATE", help="the most that pictures may take, such as 2.5M (bit/s)")
    sending.add_argument("--start", type=float, metavar="S", help="begin a file so many seconds from its beginning")
    sending.add_argument("--reencode", action=_Switch, help="code a file anew even where it could be sent as it is")
    sending.add_argument("--video-codec", metavar="CODEC", help=f"agree only to this one: {' or '.join(VIDEO_CODECS)}")
    sending.add_argument("--transform", metavar="MODULE:FUNCTION", help="a function on every picture, an array in BGR")
    receiving = it.add_argument_group("what to do with the partner's picture and sound")
    receiving.add_argument("--record", metavar="FILE", help="write both to FILE (.mp4, .mkv or .webm)")
    receiving.add_argument("--overwrite", action=_Switch, help="let --record replace a file that exists")
    receiving.add_argument(
        "--transcode", action=_Switch, help="encode what is recorded anew: one file a call, and one picture size"
    )
    receiving.add_argument("--transform-received", metavar="MODULE:FUNCTION", help="the same on every picture received")
    receiving.add_argument("--snapshot-every", type=float, metavar="S", help="save a picture every so many seconds")
    receiving.add_argument("--snapshot", metavar="FILE", help="into FILE-1 and so on (.jpg or .png; snapshot.jpg)")
    receiving.add_argument("--snapshot-keep", type=int, metavar="N", help="keep the newest N of them (default 1000)")
    receiving.add_argument("--display", action=_Switch, help="show the picture in a window")
    receiving.add_argument(
        "--play", nargs="?", const="default", metavar="SPEAKER", help="play the sound, on this speaker if one is named"
    )
    receiving.add_argument("--no-play", dest="play", action="store_const", const="none", help="play no sound")
    network = it.add_argument_group("network")
    network.add_argument(
        "--ice-server", metavar="URL", action="append", help="stun:HOST, turn:HOST or turns:HOST; may be repeated"
    )
    network.add_argument("--ice-username", metavar="U", help="user name for the TURN servers")
    network.add_argument("--ice-credential", metavar="C", help="password for the TURN servers")
    network.add_argument(
        "--latency", metavar="HOW", help=f"the trade for a low delay: {', '.join(LATENCIES)} (default balanced)"
    )
    network.add_argument("--relay-only", action=_Switch, help="send media through a TURN server only")
    network.add_argument(
        "--candidates", metavar="WHICH", help="addresses that others may name: all (default), private or public"
    )
    output = it.add_argument_group("output")
    output.add_argument("--json", action=_Switch, help="print one event a line, as JSON")
    output.add_argument("--stats", type=float, metavar="S", help="print the call's figures every so many seconds")
    output.add_argument("-v", "--verbose", action="count", default=0, help="log more; -vv everything")
    output.add_argument("--version", action="store_true", help="print the version")
    return it


class _Switch(argparse.BooleanOptionalAction):
    """`--x` and `--no-x`, without a default, so that the environment can give one."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, **{**rest, "default": None})


def parse(
    arguments: Sequence[str], environment: Mapping[str, str], it: argparse.ArgumentParser | None = None
) -> tuple[argparse.Namespace, PeerOptions]:
    """The options as given to a parser like `parser`, and checked. Raises `UsageError`."""
    it = it or parser()
    given = it.parse_args([*_from_environment(it, environment), *arguments])
    values = {
        name: value
        for name, value in vars(given).items()
        if value is not None and name not in ("json", "verbose", "version", *_REPEATED)
    }
    values |= {f"{name}s": tuple(getattr(given, name)) for name in _REPEATED if getattr(given, name)}
    return given, PeerOptions(**values)


def _from_environment(it: argparse.ArgumentParser, environment: Mapping[str, str]) -> list[str]:
    """The options that PEER_... variables stand for, put before those of the command line, which win."""
    found: list[str] = []
    for action in it._actions:  # noqa: SLF001 argparse has no public list of its options
        option = next((name for name in action.option_strings if name.startswith("--")), "")
        value = environment.get("PEER_" + option[2:].replace("-", "_").upper())
        if not value or option in ("", "--help", "--version", "--verbose"):
            continue
        if isinstance(action, _Switch):
            if value.lower() not in ("0", "1", "true", "false", "yes", "no"):
                raise UsageError(f"PEER_{option[2:].replace('-', '_').upper()}={value[:40]!r}: must be 1 or 0")
            found.append(option if value.lower() in ("1", "true", "yes") else f"--no-{option[2:]}")
        elif action.dest in _REPEATED:
            found += [f"{option}={each}" for each in value.split()]
        else:
            found.append(f"{option}={value}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not have every character of a file's name
    console = Console(as_json="--json" in arguments)
    try:
        if arguments and not arguments[0].startswith("-"):
            return find_command(arguments[0])(arguments[1:])
        given, options = parse(arguments, os.environ)
        if given.version:
            return _print_version()
        console = Console(as_json=bool(given.json))
        _configure_logging(given.verbose)
        return asyncio.run(_run(options, console, keys=not given.json))
    except PeerError as error:
        console.show(Ended(0, str(error), error.exit_code))
        console.fail(str(error))
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone; there is nobody to tell, and Python would complain when flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


async def _run(options: PeerOptions, console: Console, *, keys: bool) -> int:
    from peer.peer import Peer  # noqa: PLC0415  loads aiortc and av, which takes longer than --help may

    # SIGINT cancels this task by itself; SIGTERM ends the peer as tidily.
    task = asyncio.current_task()
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel if task else lambda: None)
    watch_loop(lambda name, error: console.show(Problem(describe(name, error))))
    peer = Peer(options, on_event=console.show)
    try:
        async with peer, keys_for(peer, console.show) if keys else contextlib.nullcontext():
            await peer.wait()
    except PeerError as error:
        console.show(Ended(peer.calls, str(error), error.exit_code))
        console.fail(str(error))
        return error.exit_code
    except asyncio.CancelledError:
        console.show(Ended(peer.calls, "interrupted", ExitCode.INTERRUPTED))
        raise
    console.show(Ended(peer.calls))
    return ExitCode.DONE


def _configure_logging(verbose: int) -> None:
    """Our warnings; with -v what the peer does; with -vv all, which includes descriptions and addresses."""
    level = logging.DEBUG if verbose > 1 else logging.WARNING
    set_up_logging(level, "%(asctime)s %(name)s %(levelname)s %(message)s")
    if verbose == 0:
        # They warn of what they deal with themselves, such as pictures that came before the first whole one.
        for name in ("aiortc", "aioice"):
            logging.getLogger(name).setLevel(logging.ERROR)
    if verbose == 1:
        for name in ("peer", "signaling"):
            logging.getLogger(name).setLevel(logging.INFO)


def _print_version() -> int:
    from importlib.metadata import version  # noqa: PLC0415

    print(f"webrtc-peer {version('webrtc-peer')}")  # noqa: T201
    return ExitCode.DONE
