"""Offers that wait for a partner who comes late. No I/O."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from .messages import Forward, parse_from_client, serialize_to_client


@dataclass(slots=True)
class _Kept:
    """An offer and the candidates that came after it, as UTF-8: its size is what it costs, objects cost more."""

    since: float
    size: int = 0
    messages: list[bytes] = field(default_factory=list)


class KeptOffers:
    """For each room the latest offer of a client that waits there, with its candidates.

    A page may offer as soon as its user presses a button, and never again. What is kept is bounded in bytes, count
    and time for each room, and in bytes for all.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        max_candidates: int,
        max_seconds: float,
        max_bytes_in_all: int,
        clock: Callable[[], float],
    ) -> None:
        self._max_bytes = max_bytes
        self._max_candidates = max_candidates
        self._max_seconds = max_seconds
        self._max_bytes_in_all = max_bytes_in_all
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # by room; the oldest offer first
        self._bytes_in_all = 0

    def keep(self, room: str, message: Forward) -> None:
        """Keep an offer in place of the last one, or a candidate with the offer it belongs to; drop what is neither."""
        if message.kind == "offer":
            self.drop(room)
            self._add(room, _Kept(since=self._clock()), message)
        elif message.kind == "ice-candidate":
            kept = self._kept.get(room)
            if kept is not None and len(kept.messages) <= self._max_candidates:
                self._add(room, kept, message)
        self._forget_the_oldest()

    def take(self, room: str) -> list[Forward]:
        """Hand over what is kept for a room: an offer, then its candidates; or nothing. It is kept no longer."""
        self._forget_the_oldest()
        kept = self._kept.get(room)
        self.drop(room)
        return [cast(Forward, parse_from_client(data.decode())) for data in kept.messages] if kept else []

    def drop(self, room: str) -> None:
        """Forget what is kept for a room."""
        kept = self._kept.pop(room, None)
        if kept is not None:
            self._bytes_in_all -= kept.size

    def _add(self, room: str, kept: _Kept, message: Forward) -> None:
        data = serialize_to_client(message).encode()
        if kept.size + len(data) <= self._max_bytes:
            kept.messages.append(data)
            kept.size += len(data)
            self._kept[room] = kept
            self._bytes_in_all += len(data)

    def _forget_the_oldest(self) -> None:
        expired = self._clock() - self._max_seconds
        while self._kept:
            room, oldest = next(iter(self._kept.items()))
            if oldest.since > expired and self._bytes_in_all <= self._max_bytes_in_all:
                break
            self.drop(room)
