"""From what a person asks for to open sinks. It loads av, so import it only to use it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from peer.errors import MediaError
from peer.media.base.source import Notify
from peer.media.sinks.recording.recorder import Recorder
from peer.media.sinks.snapshots import Snapshots
from peer.media.sinks.speaker.speaker import Speaker
from peer.media.sinks.window.window import Window

if TYPE_CHECKING:
    from peer.media.base.sink import Sink


@dataclass(frozen=True, kw_only=True)
class SinkRequest:
    """What to do with the partner's picture and sound: the options of `PeerOptions` by the same names."""

    record: str | Path | None = None
    overwrite: bool = False
    transcode: bool = False
    snapshot: str | Path = "snapshot.jpg"
    snapshot_every: float | None = None
    snapshot_keep: int = 1000
    display: bool = False
    play: str | None = None


async def open_sinks(request: SinkRequest, notify: Notify) -> "list[Sink]":
    """Open what was asked for. Raises MediaError, with nothing left open, when something can't be."""
    sinks: list[Sink] = []
    try:
        if request.record is not None:
            options = {"overwrite": request.overwrite, "transcode": request.transcode}
            sinks.append(Recorder(request.record, **options, notify=notify))
        if (every := request.snapshot_every) is not None:
            sinks.append(Snapshots(request.snapshot, every=every, keep=request.snapshot_keep, notify=notify))
        if request.play is not None:
            sinks.append(await Speaker.open(request.play, notify))
        if request.display:
            sinks.append(Window(notify=notify))
    except MediaError:
        for sink in sinks:
            await sink.close()
        raise
    return sinks
