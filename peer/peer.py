"""The public object: a peer that waits in a room, is in a call with whoever comes, and waits again."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from peer import events
from peer.background import describe, start_task, telling
from peer.candidate_policy import CandidatePolicy
from peer.config import PeerOptions, parse_bitrate
from peer.errors import PeerError, SignalingError, UsageError
from peer.events import CallEnded, PeerEvent
from peer.ice_servers import IceServer
from peer.media.base.frames import FrameSink, FrameStream
from peer.media.base.sink import FiguresSink
from peer.media.base.source import SourceRequest
from peer.media.sending.outgoing import Outgoing
from peer.media.sending.transforming import Transform, make_transform
from peer.media.sinks.opening import SinkRequest, open_sinks
from peer.media.sources.opening import open_sources
from peer.rtp.latency import Latency
from peer.session import jsep
from peer.session.addresses import watch_addresses
from peer.session.call import Call
from peer.session.connection import KINDS, ConnectionOptions, Listener
from peer.session.driver import Driver
from peer.session.local_relay import LocalRelay
from peer.session.membership import Membership
from peer.session.stats import Snapshot
from signaling import messages
from signaling.client import SignalingClient, SignalingConnectError
from signaling.messages import printable

if TYPE_CHECKING:
    import av

    from peer.media.base.sink import Sink
    from peer.media.base.source import Source


class Peer:
    """A WebRTC peer. Its options are those of `PeerOptions`, by name::

        async with Peer(role="answerer", room="lab", video="camera") as peer:
            async for frame in peer.video_frames():
                picture = frame.to_ndarray(format="bgr24")

    Entering opens the sources and joins the room, and raises `PeerError` when that can't be done; leaving ends the
    call. `on_event` hears all that happens; `sinks` get the partner's frames. Each of the `sources` is sent in place of
    what `video` or `audio` would name; leaving closes them, as it does the sinks.
    """

    def __init__(
        self,
        options: PeerOptions | None = None,
        /,
        *,
        sources: "Sequence[Source]" = (),
        sinks: "Sequence[Sink]" = (),
        on_event: Callable[[PeerEvent], None] = lambda event: None,
        **named: Any,
    ) -> None:
        self.options = options or PeerOptions(**named)
        self._on_event = on_event
        self.calls = 0
        """How many calls came up."""
        self._frames = FrameSink()
        self._sinks: list[Sink] = [self._frames, *sinks]
        self._own_sources = list(sources)
        self._own_kinds = _kinds_of(sources, self.options)
        self._outgoing = Outgoing()
        self._transform_received: Transform | None = None
        self._driver = Driver(self, self.options.connect_timeout)
        self._signaling: SignalingClient | None = None
        self._page: str | None = None
        self._membership: Membership | None = None
        self._told: set[str] = set()
        self._ended: asyncio.Future[None] | None = None
        self._stack = contextlib.AsyncExitStack()

    # ---- for programs

    def video_frames(self, limit: int = 1) -> "FrameStream[av.VideoFrame]":
        """The partner's pictures, across calls: by default always the newest; a larger limit queues that many."""
        return self._frames.video_frames(limit)

    def audio_frames(self, limit: int = 50) -> "FrameStream[av.AudioFrame]":
        """The partner's sound, across calls: s16, 20 ms a frame; at most `limit` wait for a slow reader."""
        return self._frames.audio_frames(limit)

    async def statistics(self) -> Snapshot | None:
        """Totals of the running call; None without one."""
        call = self._driver.call
        return await call.statistics() if call is not None and call.was_up else None

    @property
    def muted(self) -> frozenset[str]:
        """The kinds, "video" and "audio", that are muted."""
        return self._outgoing.muted

    def mute(self, *kinds: str, muted: bool = True) -> None:
        """Send black in place of the picture, silence in place of the sound, or both; `muted=False` ends that.

        It holds for all calls to come. Without a kind, it is for both.
        """
        for kind in kinds or KINDS:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} can't be muted, only {' and '.join(KINDS)}")
            self._outgoing.mute(kind, muted=muted)
        self.tell(events.Muted(sorted(self.muted)))

    def unmute(self, *kinds: str) -> None:
        """The opposite of `mute`."""
        self.mute(*kinds, muted=False)

    def sending(self, kind: str) -> str | None:
        """The label of the source of this kind; None when nothing is sent."""
        return self._outgoing.label(kind)

    async def switch(self, *, video: "str | Source | None" = None, audio: "str | Source | None" = None) -> None:
        """Send another picture or sound from now on, in the middle of a call, without negotiating anew.

        Values are those of the options, or a program's own source. Raises MediaError when one can't be opened: then
        all stays as it was. A file in both is opened once, and in sync; in one of them, it gives that kind alone.
        """
        if self._ended is None:
            raise RuntimeError("the peer was not entered: use `async with Peer(...) as peer`")
        wanted = {kind: value for kind, value in (("video", video), ("audio", audio)) if value is not None}
        named = {kind: value for kind, value in wanted.items() if isinstance(value, str)}
        own = [value for value in wanted.values() if not isinstance(value, str)]
        for kind, value in wanted.items():
            if not isinstance(value, str) and kind not in value.kinds:
                raise ValueError(f"{value.label} gives no {kind}")
        with telling(self._on_death):
            opened = [*own, *await open_sources(self._request(named), self._notify)]
            missing = await self._outgoing.switch(opened, frozenset(wanted))
        for source in opened:
            self.tell(events.SourceOpened(source.label, sorted(source.kinds)))
        for kind in missing:
            self._notify(f"this call was made without {kind}: it is sent from the next call on")

    async def tell_statistics(self) -> bool:
        """Tell the running call's figures as an event; False without one."""
        call = self._driver.call
        if call is None or not call.was_up:
            return False
        self.tell(await call.figures())
        return True

    def end(self) -> None:
        """End the peer: `wait` returns."""
        self._end()

    async def wait(self) -> None:
        """Return when the peer has ended by `once`, `duration` or `end`. Raises `PeerError` when it failed."""
        if self._ended is None:
            raise RuntimeError("the peer was not entered: use `async with Peer(...) as peer`")
        await asyncio.shield(self._ended)

    # ---- life

    async def __aenter__(self) -> Self:
        self._ended = asyncio.get_running_loop().create_future()
        with telling(self._on_death):
            try:
                await self._open_media()
                await self._join()
                membership = self._enter_room()
            except BaseException:
                await self._stack.aclose()
                raise
            self._stack.push_async_callback(self._stop, start_task(self._run(membership), "the peer"))
        return self

    def _on_death(self, name: str, error: Exception) -> None:
        self.tell(events.Problem(describe(name, error)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        elif self._ended is not None and not self._ended.cancelled():
            self._ended.exception()  # whoever did not wait for it does not want to know

    async def _open_media(self) -> None:
        options = self.options
        transform = make_transform(options.transform, "--transform", self._notify)
        received = make_transform(options.transform_received, "--transform-received", self._notify)
        for each in (transform, received):
            if each is not None:
                self._stack.push_async_callback(each.close)
        self._outgoing.transform, self._transform_received = transform, received
        wanted = SinkRequest(**{each.name: getattr(options, each.name) for each in fields(SinkRequest)})
        self._sinks += await open_sinks(wanted, self._notify)
        for sink in self._sinks:
            self._stack.push_async_callback(sink.close)
        self._stack.push_async_callback(self._outgoing.close)
        await self._outgoing.switch(self._own_sources, frozenset(self._own_kinds))
        others = {kind: getattr(options, kind) for kind in KINDS if kind not in self._own_kinds}
        opened = await open_sources(self._request(others), self._notify)
        await self._outgoing.switch(opened, frozenset(others))
        for source in [*self._own_sources, *opened]:
            self.tell(events.SourceOpened(source.label, sorted(source.kinds)))

    def _request(self, wanted: Mapping[str, str]) -> SourceRequest:
        """What to open for these kinds, and nothing for others."""
        options = self.options
        size = options.size if isinstance(options.size, tuple) else None
        video, audio = (wanted.get(kind, "none") for kind in ("video", "audio"))
        return SourceRequest(video, audio, size, options.fps, options.loop, options.start, options.reencode)

    async def _join(self) -> None:
        if self.options.signaling is None:
            relay = LocalRelay(self.options, self._connect, self.tell, self._stack)
            self._signaling, self._page = await relay.find_or_start()
            return
        try:
            self._signaling = await self._connect(self.options.signaling)
        except SignalingConnectError as error:
            raise SignalingError(str(error)) from error

    async def _connect(self, url: str) -> SignalingClient:
        options = self.options
        client = SignalingClient(
            url,
            role=options.asked_role,
            room=options.room,
            token=options.token,
            expect_welcome=options.signaling is None,
        )
        return await self._stack.enter_async_context(client)

    def _enter_room(self) -> Membership:
        if self._signaling is None:
            raise RuntimeError("not connected to a relay")
        self._membership = Membership(self._signaling, self.options, self._page, self._driver.post_relayed, self)
        return self._membership

    async def _run(self, membership: Membership) -> None:
        """Until cancelled: what the relay says, and what follows from it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._driver.run(), name="driver")
                group.create_task(membership.listen(), name="signaling")
                group.create_task(membership.keep_asking(), name="asking")
                group.create_task(self._tell_statistics(), name="statistics")
                group.create_task(self._show_figures(), name="figures")
                group.create_task(watch_addresses(self._on_addresses), name="addresses")
        except* PeerError as failures:
            self._end(failures.exceptions[0])
        except* Exception as failures:  # noqa: BLE001 a defect: `wait` raises it
            self._end(failures.exceptions[0])

    async def _stop(self, run: asyncio.Task[None]) -> None:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        if self._signaling is not None:
            await self._signaling.send(messages.Leave())
        await self._driver.close("ended here")

    async def _tell_statistics(self) -> None:
        while self.options.stats is not None:
            await asyncio.sleep(self.options.stats)
            await self.tell_statistics()

    async def _show_figures(self) -> None:
        showing = [sink for sink in self._sinks if isinstance(sink, FiguresSink)]
        while showing:
            await asyncio.sleep(1)
            call = self._driver.call
            if call is not None and call.was_up:
                figures = await call.figures()
                for sink in showing:
                    sink.on_figures(figures)

    def _on_addresses(self, addresses: frozenset[str]) -> None:
        call = self._driver.call
        host = call.connection.local_host if call is not None else None
        self._driver.post(jsep.NetworkChanged(cut=host is not None and host not in addresses))
        if self._signaling is None or (ours := self._signaling.local_address) is None:
            return
        if ours not in addresses and not ipaddress.ip_address(ours).is_loopback:
            self._signaling.abandon()

    def tell(self, event: PeerEvent) -> None:
        """Say what happened. A peer that has reached its end waits for nobody."""
        is_over = self._ended is not None and self._ended.done()
        if not (is_over and isinstance(event, events.Waiting)):
            self._on_event(event)

    def _end(self, error: BaseException | None = None) -> None:
        if self._ended is None or self._ended.done():
            return
        self._frames.end()
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)

    # ---- what the driver asks for

    def make_call(self, listener: Listener) -> Call:
        """A call with new tracks from every source."""
        options, membership = self.options, self._membership
        connection = ConnectionOptions(
            ice_servers=options.parsed_ice_servers() or (membership.relay_servers if membership else ()),
            relay_only=options.relay_only,
            candidates=CandidatePolicy(options.candidates),
            video_codec=options.video_codec,
            latency=Latency(options.latency),
            encoder=options.encoder,
            max_bitrate=None if options.max_bitrate is None else parse_bitrate(options.max_bitrate),
        )
        tracks = self._outgoing.open_tracks()
        return Call(connection, tracks, self._sinks, listener, self._notify, transform=self._transform_received)

    async def send(self, message: messages.ClientMessage) -> None:
        """Hand a message to the relay; without one it is dropped, and the negotiation sees to it when it is back."""
        if self._membership is not None:
            await self._membership.send(message)

    async def rejoin(self) -> None:
        """Take a place in the same room anew."""
        if self._membership is not None:
            await self._membership.rejoin()

    def call_came_up(self) -> None:
        """Count it, and start the clock of `duration` with the first."""
        self.calls += 1
        if self.calls == 1 and self.options.duration is not None:
            timer = asyncio.get_running_loop().call_later(self.options.duration, self._end)
            self._stack.callback(timer.cancel)

    def call_ended(self, ended: CallEnded) -> None:
        """A call that was up is over: with `once`, so is the peer."""
        self.tell(ended)
        if self.options.once:
            self._end()

    def attempt_failed(self, error: PeerError) -> None:
        """With `once`, the peer's only attempt."""
        if self.options.once:
            self._end(error)
        else:
            self.tell(events.Problem(str(error)))

    def server_answered(self, server: IceServer, problem: str | None) -> None:
        """Say once that a server can't be used."""
        if problem is not None:
            self.tell_once(f"ICE server {server.url}: {printable(problem)}; going on without it")

    def tell_once(self, problem: str) -> None:
        """Say that something is wrong, if it was not said before."""
        if problem not in self._told and len(self._told) < 1000:
            self._told.add(problem)
            self.tell(events.Problem(problem))

    def _notify(self, text: str) -> None:
        self.tell(events.Notice(text))


def _kinds_of(sources: "Sequence[Source]", options: PeerOptions) -> set[str]:
    """What a program's own sources give. Raises UsageError when that is given twice."""
    given: set[str] = set()
    for source in sources:
        for kind in source.kinds:
            if kind in given or getattr(options, kind) != "auto":
                raise UsageError(f"two sources of {kind}: give either {kind}=... or one of sources=[...]")
            given.add(kind)
    return given
