"""What receiver reports tell of a stream (RFC 3550 §6.4.1): packets lost, jitter, the highest number. No I/O."""

from dataclasses import dataclass

MAX_LOST = (1 << 23) - 1
MAX_DROPOUT = 3000
"""A jump of the sequence numbers beyond this is no loss (RFC 3550 §A.1): the stream began anew."""


@dataclass(slots=True)
class Reception:
    """The counts of one stream (SSRC). Arrival times in seconds on one clock."""

    clock_rate: int
    packets_received: int = 0
    highest: int = 0
    """The highest sequence number, extended by the number of times that they wrapped."""
    _base: int | None = None
    _jitter: float = 0.0
    _transit: float | None = None
    _timestamp: int | None = None
    _expected_before: int = 0
    _received_before: int = 0

    def add(self, sequence: int, timestamp: int, now: float) -> None:
        """A packet came."""
        self.packets_received += 1
        if self._base is None:
            self._base = self.highest = sequence
        ahead = (sequence - self.highest + 0x8000 & 0xFFFF) - 0x8000
        if abs(ahead) > MAX_DROPOUT:
            self._base = self.highest = sequence
            self.packets_received, self._expected_before, self._received_before = 1, 0, 0
        elif ahead > 0:
            self.highest += ahead
        elif ahead < 0:
            return  # late or sent again: it says nothing about jitter
        if timestamp != self._timestamp:
            self._note_transit(timestamp, now)

    def _note_transit(self, timestamp: int, now: float) -> None:
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < 10 * self.clock_rate:  # else the timestamps wrapped, or began anew
                self._jitter += (difference - self._jitter) / 16
        self._transit, self._timestamp = transit, timestamp

    @property
    def packets_expected(self) -> int:
        """How many there would be without loss."""
        return 0 if self._base is None else self.highest - self._base + 1

    @property
    def packets_lost(self) -> int:
        """Expected minus received, within what a report can hold; below zero when some came twice."""
        return max(-MAX_LOST - 1, min(self.packets_expected - self.packets_received, MAX_LOST))

    @property
    def jitter(self) -> int:
        """In units of the stream's clock (§A.8)."""
        return min(int(self._jitter), 0xFFFFFFFF)

    def take_fraction_lost(self) -> int:
        """Of 256 packets, how many were lost since the last call (§A.3)."""
        expected = self.packets_expected - self._expected_before
        lost = expected - (self.packets_received - self._received_before)
        self._expected_before, self._received_before = self.packets_expected, self.packets_received
        return min(lost * 256 // expected, 255) if expected > 0 and lost > 0 else 0
