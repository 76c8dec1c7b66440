"""Holds frames that are complete and in order until their time has come, as long as a policy asks for. No I/O.

A frame's time is that at which it would be here if it had been as quick as the quickest, plus the hold. Sound that is
missing when its time has come is reported as lost, so that it can be concealed and the sound goes on without a gap.
"""

from collections import deque
from dataclasses import dataclass, field

from peer.rtp.assembly import CodedFrame
from peer.rtp.latency import Hold, Jitter

MAX_FRAMES = 100
MAX_STEP_SECONDS = 10.0
"""Timestamps that jump further than this belong to a stream that began anew."""


@dataclass(slots=True)
class TimestampUnwrapper:
    """Makes 32-bit RTP timestamps go on counting where they wrap."""

    _last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """The full timestamp next to the last one."""
        if self._last is None:
            self._last = timestamp
        self._last += (timestamp - self._last + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        return self._last


@dataclass(slots=True)
class JitterBuffer:
    """Pictures of one stream. All times in seconds on one clock."""

    clock_rate: int
    hold: Hold
    rough: bool = True
    """Whether the path is: set by the owner, see `Path`."""
    jitter: Jitter = field(init=False)
    _unwrap: TimestampUnwrapper = field(default_factory=TimestampUnwrapper)
    _frames: deque[tuple[int, CodedFrame]] = field(default_factory=deque)
    _newest: int | None = None

    def __post_init__(self) -> None:
        self.jitter = Jitter(self.clock_rate)

    @property
    def target(self) -> float:
        """Seconds that frames are held beyond the quickest way."""
        if self.hold.only_when_rough and not self.rough:
            return self.hold.least
        return max(self.hold.least, min(self.jitter.beyond_quickest(self.hold.share), self.hold.most))

    def add(self, frame: CodedFrame, now: float) -> None:
        """The next frame is complete."""
        timestamp = self._unwrap.unwrap(frame.timestamp)
        if self._newest is not None and abs(timestamp - self._newest) > MAX_STEP_SECONDS * self.clock_rate:
            self.jitter.forget()
        self._newest = timestamp
        self.jitter.add(timestamp, now)
        self._frames.append((timestamp, frame))

    def due(self, now: float) -> list[CodedFrame]:
        """The frames whose time has come."""
        frames: list[CodedFrame] = []
        target = self.target
        while self._frames and (len(self._frames) > MAX_FRAMES or self._time(self._frames[0][0], target) <= now):
            frames.append(self._frames.popleft()[1])
        return frames

    def next_due(self) -> float | None:
        """When to call `due` again, if no other frame comes before."""
        return self._time(self._frames[0][0], self.target) if self._frames else None

    def _time(self, timestamp: int, target: float) -> float:
        return self.jitter.quickest(timestamp) + target if target else float("-inf")
