"""From what a person asks for to open sources. It loads av and aiortc, so import it only to use it."""

import asyncio

from peer.errors import MediaError, UsageError
from peer.media.base.source import Notify, Source, SourceRequest
from peer.media.sources.devices.capture import DeviceSource
from peer.media.sources.devices.devices import NOUNS, Device, cameras, microphones
from peer.media.sources.devices.probing import Found, find
from peer.media.sources.drawn.testsource import TestSource
from peer.media.sources.film.file import open_file
from peer.media.sources.screen import find_screen

WORDS = {"none", "test", "auto", "camera", "mic", "screen"}
TEST_SIGNALS = {"video": "the test picture", "audio": "a test tone"}


async def open_sources(request: SourceRequest, notify: Notify) -> list[Source]:
    """Open what was asked for; raises MediaError, with one line that says what to do, when something can't be opened.

    `auto` takes the first device that opens, else the test source, and tells `notify` which and why. Beside a film,
    `auto` as audio is the film's own sound.
    """
    if _is_file(request.video) and request.audio in ("auto", request.video):
        needed = {kind for kind in ("video", "audio") if getattr(request, kind) == request.video}
        film = await open_file(request.video, frozenset(needed), request, notify, welcome=frozenset({"audio"}))
        if "audio" not in film.kinds:
            notify(f"there is no sound in {film.label}: sending none")
        return [film]
    opened = await asyncio.gather(
        _open("video", request.video, request, notify),
        _open("audio", request.audio, request, notify),
        return_exceptions=True,
    )
    failures = [outcome for outcome in opened if isinstance(outcome, BaseException)]
    sources = [outcome for outcome in opened if outcome is not None and not isinstance(outcome, BaseException)]
    if failures:
        for source in sources:
            await source.close()
        raise failures[0]
    if len(sources) == 2 and all(isinstance(source, TestSource) for source in sources):
        return [TestSource({"video", "audio"}, request.size, request.fps)]
    return sources


async def _open(kind: str, wanted: str, request: SourceRequest, notify: Notify) -> Source | None:
    if wanted == "none":
        return None
    if wanted == "test":
        return TestSource({kind}, request.size, request.fps)
    if wanted.partition(":")[0] == "screen":
        if kind == "audio":
            raise UsageError("--audio screen: a screen has no sound; choose mic, test, none or a file")
        return DeviceSource(await find_screen(wanted, request, notify), notify)
    if _is_file(wanted):
        return await open_file(wanted, frozenset({kind}), request, notify)
    try:
        found = await find(_devices(kind, wanted, request))
        _check_size(found, wanted, request, notify)
        return DeviceSource(found, notify)
    except MediaError as error:
        if wanted != "auto":
            raise MediaError(f"{error}; choose another source, or test") from error
        notify(f"{error}: sending {TEST_SIGNALS[kind]}")
        return TestSource({kind}, request.size, request.fps)


def _check_size(found: Found, wanted: str, request: SourceRequest, notify: Notify) -> None:
    """A camera that was named must give the size that was asked for; one that was not may give another."""
    if found.size is None or request.size in (None, found.size):
        return
    given, asked = ("x".join(map(str, size)) for size in (found.size, request.size) if size)
    line = f"{found.device.label} gives {given} in place of {asked}"
    if wanted != "auto":
        raise MediaError(f"{line} (see peer devices for its sizes)")
    notify(line)


def _devices(kind: str, wanted: str, request: SourceRequest) -> list[Device]:
    name = wanted if wanted.startswith("/dev/") else wanted.partition(":")[2]
    devices = cameras(name, request.size, request.fps) if kind == "video" else microphones(name)
    if not devices:
        raise MediaError(f"no {NOUNS[kind]} {f'named {name} ' if name else ''}is connected")
    return devices


def _is_file(wanted: str) -> bool:
    return wanted.partition(":")[0] not in WORDS and not wanted.startswith("/dev/")
