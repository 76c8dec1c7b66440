"""Packets into coded pictures, in order and as soon as they are complete. No I/O.

A picture is complete with its marker bit (RFC 3550 §5.1), when no packet before it is missing: waiting for the next
picture's first packet, as receivers without the marker must, costs a whole picture's time. Missing packets are asked
for at once, and again after each round trip; when that leads nowhere, a keyframe is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

NACK_TRIES = 8
NACK_LEAST_SECONDS = 0.02
GIVE_UP_LEAST_SECONDS = 0.25
GIVE_UP_ROUND_TRIPS = 4.0
KEYFRAME_AGAIN_SECONDS = 0.4
LEAST_ROUND_TRIP = 0.002
MOST_ROUND_TRIP = 1.0
MAX_PACKETS = 2048
MAX_MISSING = 256


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """What assembly needs of an RTP packet. `data` is the payload without the codec's RTP descriptor."""

    sequence: int
    timestamp: int
    marker: bool
    data: bytes
    starts_keyframe: bool = False


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """A coded picture, or a packet of sound, with its RTP timestamp."""

    data: bytes
    timestamp: int
    keyframe: bool = field(default=False, compare=False)
    """Whether it needs no other; told by its data, so that it makes no difference beside it."""


@dataclass(slots=True)
class _Missing:
    since: float
    asked_at: float | None = None
    tries: int = 0


@dataclass(slots=True)
class Unwrapper:
    """Makes 16-bit sequence numbers go on counting where they wrap."""

    _last: int | None = None

    def unwrap(self, sequence: int) -> int:
        """The full number next to the last one."""
        if self._last is None:
            self._last = sequence
            return sequence
        delta = (sequence - self._last + 0x8000 & 0xFFFF) - 0x8000
        number = self._last + delta
        self._last = max(self._last, number)
        return number


@dataclass(slots=True)
class VideoAssembler:
    """Assembles the pictures of one stream. All times in seconds on one clock."""

    round_trip: float = 0.05
    _unwrap: Callable[[int], int] = field(default_factory=lambda: Unwrapper().unwrap)
    _packets: dict[int, MediaPacket] = field(default_factory=dict)
    _missing: dict[int, _Missing] = field(default_factory=dict)
    _next: int | None = None
    """The number with which the next picture begins; None while a keyframe is awaited."""
    _newest: int | None = None
    _floor: int = 0
    """Packets before this one are of no use any more."""
    _keyframe_asked_at: float | None = None

    def add(self, packet: MediaPacket, now: float) -> list[CodedFrame]:
        """Take a packet, in whatever order they come; return the pictures that are complete now."""
        number = self._unwrap(packet.sequence)
        if number < self._floor or number in self._packets:
            return []
        if len(self._packets) >= MAX_PACKETS:
            self._await_keyframe()
        self._packets[number] = packet
        missing = self._missing.pop(number, None)
        if missing is not None and missing.asked_at is not None and missing.tries == 1:
            self._measure_round_trip(now - missing.asked_at)
        self._note_gap(number, now)
        if self._next is None:
            self._look_for_keyframe()
        return self._take()

    def _measure_round_trip(self, sample: float) -> None:
        """What was asked for once has come: nobody else tells a receiver how long that takes."""
        self.round_trip += (min(max(sample, LEAST_ROUND_TRIP), MOST_ROUND_TRIP) - self.round_trip) / 4

    def _note_gap(self, number: int, now: float) -> None:
        if self._newest is not None and number > self._newest + 1:
            for gone in range(max(self._newest + 1, number - MAX_MISSING), number):
                self._missing[gone] = _Missing(now)
        self._newest = number if self._newest is None else max(self._newest, number)

    def _look_for_keyframe(self) -> None:
        starts = [number for number, packet in self._packets.items() if packet.starts_keyframe]
        if starts:
            self._begin_at(min(starts))
        elif self._newest is not None and len(self._packets) > MAX_PACKETS // 4:
            self._drop_before(self._newest)

    def _begin_at(self, number: int) -> None:
        self._drop_before(number)
        self._next = number
        self._keyframe_asked_at = None

    def _drop_before(self, number: int) -> None:
        self._floor = number
        self._packets = {key: packet for key, packet in self._packets.items() if key >= number}
        self._missing = {key: missing for key, missing in self._missing.items() if key >= number}

    def _take(self) -> list[CodedFrame]:
        frames: list[CodedFrame] = []
        while self._next is not None and (end := self._end_of_picture(self._next)) is not None:
            packets = [self._packets.pop(number) for number in range(self._next, end)]
            data = b"".join(packet.data for packet in packets)
            if data:  # else only padding
                frames.append(CodedFrame(data, packets[0].timestamp, packets[0].starts_keyframe))
            self._next = self._floor = end
        return frames

    def _end_of_picture(self, start: int) -> int | None:
        """The number after the last packet of the picture that begins at `start`; None while it is not complete."""
        first = self._packets.get(start)
        if first is None:
            return None
        number, packet = start, first
        while not packet.marker or not packet.data:
            number += 1
            following = self._packets.get(number)
            if following is None:
                return None
            if following.timestamp != first.timestamp:
                return number
            packet = following
        return number + 1

    def feedback(self, now: float) -> tuple[list[int], bool]:
        """The sequence numbers to ask for now, and whether to ask for a keyframe.

        Call it every few milliseconds while `busy`.
        """
        if self._next is not None and self._blocked_for(now) > self._patience:
            self._await_keyframe()
            self._look_for_keyframe()
        wanted: list[int] = []
        pause = max(NACK_LEAST_SECONDS, self.round_trip * 1.2)
        for number, missing in self._missing.items():
            if missing.tries < NACK_TRIES and (missing.asked_at is None or now - missing.asked_at >= pause):
                missing.asked_at, missing.tries = now, missing.tries + 1
                wanted.append(number & 0xFFFF)
        return wanted, self._asks_for_keyframe(now)

    @property
    def busy(self) -> bool:
        """Whether something is missing or awaited, so that time matters."""
        return bool(self._missing) or (self._next is None and self._newest is not None)

    @property
    def _patience(self) -> float:
        return max(GIVE_UP_LEAST_SECONDS, GIVE_UP_ROUND_TRIPS * self.round_trip)

    def _blocked_for(self, now: float) -> float:
        return now - min((missing.since for missing in self._missing.values()), default=now)

    def _await_keyframe(self) -> None:
        self._next = None
        if self._missing:
            self._drop_before(min(self._missing) + 1)
        else:
            self._drop_before(self._newest or 0)
        self._missing.clear()

    def request_keyframe(self) -> None:
        """The decoder is lost: go on from the next keyframe."""
        self._await_keyframe()

    def _asks_for_keyframe(self, now: float) -> bool:
        if self._next is not None or self._newest is None:
            return False
        if self._keyframe_asked_at is not None and now - self._keyframe_asked_at < self._again:
            return False
        self._keyframe_asked_at = now
        return True

    @property
    def _again(self) -> float:
        return max(KEYFRAME_AGAIN_SECONDS, 2 * self.round_trip)
