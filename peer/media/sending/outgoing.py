"""What a peer sends: one source for each kind, which can be muted and switched in the middle of a call."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiortc import MediaStreamTrack

from peer.media.base.source import Source
from peer.media.sending.muting import MutableTrack
from peer.media.sending.switching import SwitchedTrack
from peer.media.sending.transforming import Transform, TransformedTrack


class Outgoing:
    """The sources and what is done with them, in this call and those that follow."""

    def __init__(self) -> None:
        self.transform: Transform | None = None
        """Applied to every picture of the calls to come; set before the first."""
        self._sources: dict[str, Source] = {}  # by kind
        self._calls: list[_CallTracks] = []  # the newest, and older ones while they are closing
        self._muted: set[str] = set()
        self._switching = asyncio.Lock()
        self._closed = False

    @property
    def muted(self) -> frozenset[str]:
        """The kinds of which black or silence is sent."""
        return frozenset(self._muted)

    def mute(self, kind: str, *, muted: bool) -> None:
        """From the next frame on."""
        (self._muted.add if muted else self._muted.discard)(kind)

    def label(self, kind: str) -> str | None:
        """What is sent of this kind, for people; None for nothing."""
        return self._sources[kind].label if kind in self._sources else None

    def open_tracks(self) -> list[MediaStreamTrack]:
        """New tracks for a call."""
        call = _CallTracks()
        for kind, content in self._contents(frozenset(self._sources)).items():
            call.tracks[kind] = SwitchedTrack(content)
        self._calls = [*(other for other in self._calls if other.is_live), call]
        return [self._finished(track) for track in call.tracks.values()]

    async def switch(self, sources: Sequence[Source], kinds: frozenset[str]) -> frozenset[str]:
        """Send these sources, and no others of these kinds, from now on. The ones before are closed.

        Returns the kinds that running calls were made without: those are sent from the next call on.
        """
        async with self._switching:
            before = list(self._sources.values())
            for kind in kinds:
                self._sources.pop(kind, None)
            for source in sources:
                self._sources |= dict.fromkeys(source.kinds & kinds, source)
            missing = frozenset[str]()
            for call in self._calls:
                if call.is_live or call is self._calls[-1]:
                    missing |= call.switch(self._contents(kinds & self._sources.keys()), kinds)
            await self._close_all([source for source in before if not self._holds(source)])
            if self._closed:
                await self._close_all(list(self._sources.values()))
            return missing

    async def close(self) -> None:
        """Close all sources."""
        self._closed = True
        await self._close_all(list(self._sources.values()))

    def _contents(self, kinds: frozenset[str]) -> dict[str, MediaStreamTrack]:
        """New tracks of these kinds, in sync where one source gives more than one."""
        contents: dict[str, MediaStreamTrack] = {}
        opened: list[Source] = []
        for source in (self._sources[kind] for kind in sorted(kinds)):
            if any(source is other for other in opened):
                continue
            opened.append(source)
            for track in source.open_tracks():
                if track.kind in kinds and self._sources[track.kind] is source:
                    contents[track.kind] = track
                else:
                    track.stop()
        return contents

    def _finished(self, track: MediaStreamTrack) -> MediaStreamTrack:
        if self.transform is not None and track.kind == "video":
            track = TransformedTrack(track, self.transform)
        return MutableTrack(track, partial(self._muted.__contains__, track.kind))

    def _holds(self, source: Source) -> bool:
        return any(source is other for other in self._sources.values())

    async def _close_all(self, sources: Sequence[Source]) -> None:
        for source in sources:
            await source.close()


class _CallTracks:
    """What one call sends, by kind."""

    def __init__(self) -> None:
        self.tracks: dict[str, SwitchedTrack] = {}

    @property
    def is_live(self) -> bool:
        """Whether it still sends something."""
        return any(track.readyState == "live" for track in self.tracks.values())

    def switch(self, contents: dict[str, MediaStreamTrack], kinds: frozenset[str]) -> frozenset[str]:
        """Go on with these; returns the kinds of them that this call has no place for."""
        for kind in kinds & self.tracks.keys():
            self.tracks[kind].switch_to(contents.get(kind))
        missing = contents.keys() - self.tracks.keys()
        for kind in missing:
            contents[kind].stop()
        return frozenset(missing)
