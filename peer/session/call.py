"""One call: a connection, the tracks that it sends, and the way of what it receives to the sinks."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

from aiortc import MediaStreamTrack

from peer.events import CallEnded, Statistics
from peer.media.base.coded import CodedFeed
from peer.media.base.sink import Sink
from peer.media.base.source import Notify
from peer.media.sending.transforming import Transform, TransformedTrack
from peer.media.sinks.pump import Pump
from peer.session.connection import Connection, ConnectionOptions, Listener
from peer.session.stats import Meter, MeteredTrack, Snapshot, snapshot

STATISTICS_SECONDS = 1.0


class Call:
    """A connection with its media, from before there is a partner until after it has gone."""

    def __init__(
        self,
        options: ConnectionOptions,
        tracks: Sequence[MediaStreamTrack],
        sinks: Sequence[Sink],
        listener: Listener,
        notify: Notify,
        *,
        transform: Transform | None = None,
    ) -> None:
        """`transform` is applied to every picture that comes; then nothing is offered as it was coded."""
        self._sent = Meter()
        self._received = Meter()
        self._remote: list[MediaStreamTrack] = []
        self._transform = transform
        self.connection = Connection(options, [MeteredTrack(track, self._sent) for track in tracks], listener)
        self._pump = Pump(sinks, notify)
        self._ready_at = time.monotonic()
        self._up_at: float | None = None
        self._last = Snapshot(0.0)

    @property
    def was_up(self) -> bool:
        """Whether media could flow at some time."""
        return self._up_at is not None

    @property
    def seconds_to_connect(self) -> float:
        """From the partner's being ready until the connection was up."""
        return (self._up_at or time.monotonic()) - self._ready_at

    def partner_ready(self) -> None:
        """The time to connect counts from here."""
        self._ready_at = time.monotonic()
        self.connection.partner_comes()

    def begin(self) -> None:
        """The connection is up: read what comes."""
        self._up_at = time.monotonic()
        self._remote = [self._received_track(track) for track in self.connection.remote_tracks]
        can_tap = self.connection.can_tap and self._transform is None
        feed = CodedFeed(self.connection.codecs, self.connection.request_keyframe)
        self._pump.start(self._remote, feed if can_tap else None)
        if self._pump.takes_coded:
            self.connection.tap(self._pump.on_coded)

    def _received_track(self, track: MediaStreamTrack) -> MediaStreamTrack:
        metered = MeteredTrack(track, self._received)
        if self._transform is not None and track.kind == "video":
            return TransformedTrack(metered, self._transform)
        return metered

    async def statistics(self) -> Snapshot:
        """The totals so far."""
        self._last = snapshot(await self.connection.statistics())
        return self._last

    async def figures(self) -> Statistics:
        """The totals so far, in words for people."""
        total = await self.statistics()
        seconds = time.monotonic() - (self._up_at or time.monotonic())
        return Statistics(
            seconds=round(seconds, 3),
            sent=self._sent.summary(total.bytes_sent, seconds),
            received=self._received.summary(total.bytes_received, seconds),
            packets_lost=total.packets_lost,
            round_trip=total.round_trip,
        )

    async def summary(self, reason: str) -> CallEnded:
        """What there was of a call that was up, and why it ended."""
        # Counts of a connection that its partner has closed may not be had any more; then the last ones hold.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATISTICS_SECONDS):
                await self.statistics()
        seconds = time.monotonic() - (self._up_at or time.monotonic())
        return CallEnded(
            reason=reason,
            seconds=round(seconds, 3),
            seconds_to_connect=round(self.seconds_to_connect, 3),
            path=self.connection.path,
            codecs=self.connection.codecs,
            sent=self._sent.summary(self._last.bytes_sent, seconds),
            received=self._received.summary(self._last.bytes_received, seconds),
        )

    async def close(self) -> None:
        """Stop reading, and close the connection. Idempotent."""
        try:
            await self._pump.stop()
        finally:  # a sink's failure leaves nothing open
            for track in self._remote:
                track.stop()
            await self.connection.close()
