"""Puts packets of sound in order, and lets each go when its time has come; says which are lost. No I/O.

It takes the place of assembly and jitter buffer both, because sound goes on at its own pace: when the time of a packet
that is missing has come, and later ones are here, it counts as lost; if it comes after that, it is dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from peer.rtp.assembly import CodedFrame, MediaPacket, Unwrapper
from peer.rtp.jitterbuffer import MAX_STEP_SECONDS, TimestampUnwrapper
from peer.rtp.latency import Hold, Jitter

MAX_PACKETS = 128
MAX_CONCEALED_SECONDS = 0.5
"""A longer gap stays one: the partner was silent (DTX), muted or away."""
PATIENCE_SECONDS = 0.04
"""The least time that a missing packet is waited for after its successor has come: packets overtake each other."""
MAX_JUMP = 1000


@dataclass(slots=True)
class SoundBuffer:
    """The packets of one stream. All times in seconds on one clock."""

    clock_rate: int
    hold: Hold
    lost: Callable[[bytes], bytes] | None = None
    """Makes, of the packet before it, what stands for a lost one of the same length; None: nothing does."""
    late: int = 0
    """Packets that came after their time."""
    concealed: int = 0
    jitter: Jitter = field(init=False)
    _numbers: Unwrapper = field(default_factory=Unwrapper)
    _timestamps: TimestampUnwrapper = field(default_factory=TimestampUnwrapper)
    _packets: dict[int, tuple[int, CodedFrame, float]] = field(default_factory=dict)
    """By number: the unwrapped timestamp, the frame, and when it came."""
    _next: int | None = None
    _last: tuple[int, bytes] | None = None
    """The timestamp and data of the last one that was let go."""
    _step: int = 960

    def __post_init__(self) -> None:
        self.jitter = Jitter(self.clock_rate)

    @property
    def target(self) -> float:
        """Seconds that packets are held beyond the quickest way."""
        return max(self.hold.least, min(self.jitter.beyond_quickest(self.hold.share), self.hold.most))

    def add(self, packet: MediaPacket, now: float) -> None:
        """A packet came, in whatever order."""
        number = self._numbers.unwrap(packet.sequence)
        timestamp = self._timestamps.unwrap(packet.timestamp)
        if self._next is not None and abs(number - self._next) > MAX_JUMP:
            self._begin_anew()
        if self._last is not None and abs(timestamp - self._last[0]) > MAX_STEP_SECONDS * self.clock_rate:
            self._begin_anew()
        if self._next is None:
            self._next = number
        if number in self._packets:
            return
        self.jitter.add(timestamp, now)
        if number < self._next:
            self.late += 1
        elif len(self._packets) < MAX_PACKETS:
            self._packets[number] = timestamp, CodedFrame(packet.data, packet.timestamp), now

    def _begin_anew(self) -> None:
        self._packets.clear()
        self._next = self._last = None
        self.jitter.forget()

    def due(self, now: float) -> list[CodedFrame]:
        """The packets whose time has come, in order, with stand-ins for those that are lost."""
        frames: list[CodedFrame] = []
        while self._packets and self._next is not None:
            number = min(self._packets) if self._next not in self._packets else self._next
            timestamp, frame, _ = self._packets[number]
            if self._time(number) > now:
                break
            del self._packets[number]
            if frame.data:
                frames += self._gap_before(timestamp, contiguous=number == self._next)
                frames.append(frame)
                self._last = timestamp, frame.data
            self._next = number + 1
        return frames

    def next_due(self) -> float | None:
        """When to call `due` again, if no other packet comes before."""
        if not self._packets or self._next is None:
            return None
        return self._time(self._next if self._next in self._packets else min(self._packets))

    def _time(self, number: int) -> float:
        timestamp, _, came = self._packets[number]
        time = self.jitter.quickest(timestamp) + self.target
        # What is missing before it may still come, in the time that it would have had itself.
        return time if number == self._next else max(time, came + PATIENCE_SECONDS)

    def _gap_before(self, timestamp: int, *, contiguous: bool) -> list[CodedFrame]:
        """Stand-ins for the time between the last packet and this one."""
        if self._last is None:
            return []
        before, data = self._last
        gap = timestamp - before
        if contiguous and self.clock_rate <= 400 * gap <= 48 * self.clock_rate:
            self._step = gap  # how long a packet is: 2.5 to 120 ms (RFC 7587 §4.2)
        if self.lost is None or not self._step < gap <= MAX_CONCEALED_SECONDS * self.clock_rate:
            return []
        stand_in = self.lost(data)
        stamps = range(before + self._step, timestamp, self._step)
        self.concealed += len(stamps)
        return [CodedFrame(stand_in, stamp & 0xFFFFFFFF) for stamp in stamps]
