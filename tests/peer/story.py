"""What a peer tells, kept in order, and waited for."""

import asyncio
from typing import TypeVar

from peer.events import PeerEvent
from tests.peer.content import PATIENCE

EventT = TypeVar("EventT", bound=PeerEvent)


class Story:
    """The events of a peer: pass it as `on_event`."""

    def __init__(self) -> None:
        self.events: list[PeerEvent] = []
        self._more = asyncio.Event()

    def __call__(self, event: PeerEvent) -> None:
        self.events.append(event)
        self._more.set()

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    async def have(self, kind: type[EventT], count: int = 1) -> EventT:
        """Wait for the event of this type with this number, from 1."""
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                self._more.clear()
                await self._more.wait()
        return self.of(kind)[count - 1]
