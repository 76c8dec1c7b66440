"""What a long or poor line does to packets, without any I/O: delay, jitter, loss, a bottleneck and its queue."""

import heapq
import itertools
import random
from dataclasses import dataclass

JITTER_PERIOD = 0.02
"""Seconds that one drawn value of jitter holds: real jitter comes from queues that fill and drain, and does not
hit neighbouring packets differently."""

MAX_WAITING = 50_000
"""Packets on their way in one direction: more than any line holds, a bound on memory."""


@dataclass(frozen=True)
class Conditions:
    """What one direction of a line does. The default: nothing at all."""

    delay: float = 0.0
    """Seconds that each packet takes, one way."""

    jitter: float = 0.0
    """Seconds: a random time up to this is added, drawn anew every `JITTER_PERIOD`."""

    loss: float = 0.0
    """The fraction of packets that are lost, each by its own chance."""

    rate: float | None = None
    """Bits per second of the bottleneck, counting whole IP packets; None: no bottleneck."""

    queue: float = 0.2
    """Seconds of waiting that the bottleneck's queue holds; what comes when it is full is lost."""

    reorder: bool = False
    """Whether a packet that draws less jitter overtakes those before it; each packet then draws its own."""


@dataclass
class Counters:
    """What happened in one direction since the start."""

    packets: int = 0
    """Packets that came in."""

    octets: int = 0
    """Octets that came in."""

    lost: int = 0
    """Packets dropped by `Conditions.loss`."""

    overflowed: int = 0
    """Packets dropped because the bottleneck's queue was full."""


class Line:
    """One direction. Times are seconds of any one monotonic clock."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions = conditions
        self.counters = Counters()
        # A generator for each IP version: the kernel's own IPv6 packets, sent whenever it likes, must not change
        # which IPv4 packets are lost.
        self._chance = {version: random.Random(seed + version) for version in range(16)}
        self._random = random.Random(seed)
        self._waiting: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._line_free = 0.0  # when the bottleneck has sent all it holds
        self._last_due = 0.0
        self._jitter = 0.0
        self._jitter_until = 0.0

    def push(self, packet: bytes, now: float) -> None:
        """A packet enters."""
        conditions, counters = self.conditions, self.counters
        counters.packets += 1
        counters.octets += len(packet)
        if conditions.loss and self._chance[packet[0] >> 4].random() < conditions.loss:
            counters.lost += 1
            return
        due = now
        if conditions.rate is not None:
            start = max(now, self._line_free)
            if start - now > conditions.queue:
                counters.overflowed += 1
                return
            self._line_free = due = start + len(packet) * 8 / conditions.rate
        elif len(self._waiting) >= MAX_WAITING:
            counters.overflowed += 1
            return
        due += conditions.delay
        if conditions.jitter:
            due += self._draw_jitter(now)
        if not conditions.reorder:
            due = self._last_due = max(due, self._last_due)
        heapq.heappush(self._waiting, (due, next(self._numbers), packet))

    def pop(self, now: float) -> bytes | None:
        """The next packet that has arrived by now."""
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        return None

    def next_due(self) -> float | None:
        """When the next packet arrives."""
        return self._waiting[0][0] if self._waiting else None

    def _draw_jitter(self, now: float) -> float:
        if self.conditions.reorder or now >= self._jitter_until:
            self._jitter = self._random.uniform(0, self.conditions.jitter)
            self._jitter_until = now + JITTER_PERIOD
        return self._jitter
