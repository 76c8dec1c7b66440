"""One end of a measured call: the peer of this project, through its public interface."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from aiortc import MediaStreamTrack

from benchmarks.end import EndOptions, Reporter
from peer import Peer, events
from peer.media.sources.drawn.testsource import TestSource


class PictureSource:
    """The benchmark's picture as a source of the peer."""

    label = "moving picture"
    kinds = frozenset({"video"})

    def __init__(self, options: EndOptions) -> None:
        self._options = options
        self._picture = options.picture()

    def open_tracks(self) -> list[MediaStreamTrack]:
        """A new track for a call."""
        return [self._options.video_track(self._picture)]

    async def close(self) -> None:
        """Nothing to release."""


async def main(options: EndOptions, reporter: Reporter, more: Mapping[str, Any]) -> None:
    """Wait in the room, and look at what comes. `more` are options of the peer."""

    def on_event(event: events.PeerEvent) -> None:
        if isinstance(event, events.Joined):
            reporter.joined()
        elif isinstance(event, events.PartnerReady):
            reporter.partner_ready()

    ours = Peer(
        sources=[PictureSource(options), TestSource({"audio"})],
        on_event=on_event,
        role=options.role,
        signaling=options.relay,
        room=options.room,
        video_codec=options.codec.lower(),
        ice_servers=options.ice_servers,
        **more,
    )
    # A queue, so that each frame is counted with the delay that it has, also when two come at once.
    frames = ours.video_frames(limit=100)
    async with ours:
        async for frame in frames:
            reporter.see(frame)


if __name__ == "__main__":
    options = EndOptions.from_arguments()
    reporter = Reporter(options)
    more = dict(argument.split("=", 1) for argument in sys.argv[1:-1])
    asyncio.run(reporter.run(lambda: main(options, reporter, more)))
