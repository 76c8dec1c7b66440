"""What to trade for a low delay: when received frames are let go, and what the partner's browser is asked for. No I/O.

On a good network frames need no buffer. Under jitter and loss, frames that are shown as they come, or do not come,
stutter; a buffer evens that out and costs its length.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

BROWSERS_CHOICE = (0, 4095)
"""A browser that gets no tighter bounds than these, in units of 10 ms, chooses its buffer itself."""
AT_ONCE = (0, 0)
SMOOTH_LEAST = 10

JITTER_TO_GIVE_WAY = 0.02
LOSS_TO_GIVE_WAY = 0.015
LEAST_KNOWN = 50
CALM_SECONDS = 10.0
"""How long a network must be good before delay is asked to be low again."""


class Latency(StrEnum):
    """What is asked for."""

    LOW = "low"
    BALANCED = "balanced"
    SMOOTH = "smooth"


@dataclass(frozen=True, slots=True)
class Hold:
    """How long frames are held: as long as so many of them (a share) took beyond the quickest, within bounds."""

    share: float
    least: float
    most: float
    only_when_rough: bool = False
    """Whether frames go at once while the path is smooth: what is late then was sent late, and waiting helps nobody."""


HOLD: dict[str, dict[Latency, Hold]] = {
    "video": {
        Latency.LOW: Hold(0.0, 0.0, 0.0),
        Latency.BALANCED: Hold(0.85, 0.0, 0.25, only_when_rough=True),
        Latency.SMOOTH: Hold(0.99, 0.08, 0.8),
    },
    "audio": {
        Latency.LOW: Hold(0.9, 0.0, 0.06),
        Latency.BALANCED: Hold(0.97, 0.0, 0.25),
        Latency.SMOOTH: Hold(0.995, 0.06, 0.8),
    },
}
"""`balanced` lets pictures go at once unless the path jitters or loses packets. Its share of pictures, with 5 % loss
and 50 ms of round trip: still fewer pauses than between two browsers, at 40 ms less delay than 0.95 has."""


@dataclass(slots=True)
class Jitter:
    """How unevenly frames come: the time beyond the quickest that a share of the last frames took, in seconds."""

    clock_rate: int
    _delays: deque[float] = field(default_factory=lambda: deque(maxlen=250))
    _ordered: list[float] = field(default_factory=list)
    _origin: int | None = None
    _since: int = 0

    def add(self, timestamp: int, now: float) -> None:
        """A frame with this (unwrapped) timestamp is complete."""
        if self._origin is None:
            self._origin = timestamp
        self._delays.append(now - (timestamp - self._origin) / self.clock_rate)
        self._since += 1
        if self._since >= 5 or len(self._delays) < 50:
            self._since = 0
            self._ordered = sorted(self._delays)

    def forget(self) -> None:
        """The stream began anew."""
        self._delays.clear()
        self._ordered = []
        self._origin = None

    @property
    def is_known(self) -> bool:
        """Whether enough frames came to tell: the first of a call may have waited for its keys."""
        return len(self._delays) >= LEAST_KNOWN

    def beyond_quickest(self, share: float) -> float:
        """The time beyond the quickest within which this share of the frames came."""
        if not self._ordered:
            return 0.0
        return self._ordered[min(int(share * len(self._ordered)), len(self._ordered) - 1)] - self._ordered[0]

    def quickest(self, timestamp: int) -> float:
        """When a frame with this timestamp would be here if it were as quick as the quickest."""
        if self._origin is None or not self._ordered:
            return float("-inf")
        return self._ordered[0] + (timestamp - self._origin) / self.clock_rate


@dataclass(slots=True)
class Path:
    """Whether the way from the partner is rough: by when packets were sent (abs-send-time) and came, and by loss."""

    _jitter: Jitter = field(default_factory=lambda: Jitter(1 << 18))
    _sent: int | None = None
    _rough_at: float = float("-inf")

    def add(self, send_time: int, now: float) -> None:
        """A packet with this abs-send-time (24 bits, in units of 2^-18 s) came."""
        if self._sent is None:
            self._sent = send_time
        self._sent += (send_time - self._sent + 0x800000 & 0xFFFFFF) - 0x800000
        self._jitter.add(self._sent, now)
        if self._jitter.is_known and self._jitter.beyond_quickest(0.95) > JITTER_TO_GIVE_WAY:
            self._rough_at = now

    def add_loss(self, fraction_lost: float, now: float) -> None:
        """This share of the packets since the last call (0 to 1) was lost."""
        if fraction_lost > LOSS_TO_GIVE_WAY:
            self._rough_at = now

    def is_rough(self, now: float) -> bool:
        """Whether it was in the last seconds."""
        return now - self._rough_at < CALM_SECONDS


@dataclass(slots=True)
class PlayoutRequest:
    """Which play-out delay to ask a browser for, by the `playout-delay` header extension: least and most, in 10 ms.

    Fed by the browser's receiver reports; one that is bad by itself, as the first of a call may be, changes nothing.
    Times in seconds on one clock.
    """

    latency: Latency = Latency.BALANCED
    bounds: tuple[int, int] = AT_ONCE
    _rough_at: float | None = None
    _was_bad: bool = False

    def __post_init__(self) -> None:
        if self.latency is Latency.SMOOTH:
            self.bounds = (SMOOTH_LEAST, BROWSERS_CHOICE[1])

    def on_report(self, jitter: float, fraction_lost: float, now: float) -> None:
        """A report on pictures: jitter in seconds, the share of packets lost since the last one (0 to 1)."""
        if self.latency is not Latency.BALANCED:
            return
        was_bad, self._was_bad = self._was_bad, jitter > JITTER_TO_GIVE_WAY or fraction_lost > LOSS_TO_GIVE_WAY
        if self._was_bad and was_bad:
            self._rough_at = now
            self.bounds = BROWSERS_CHOICE
        elif self._rough_at is not None and now - self._rough_at > CALM_SECONDS:
            self._rough_at = None
            self.bounds = AT_ONCE
