"""How many bits a second to send: a controller without I/O, fed by what the partner reports.

Browsers report two things. Receiver reports (RFC 3550 §6.4.2) tell loss and, by way of our sender reports, the round
trip; both grow when a link is too narrow. REMB (draft-alvestrand-rmcat-remb) tells what the browser thinks it can
receive; it begins far too low, because it grows with what arrives, and only later becomes a measure of the link. So
it is taken at its word only once it has come near what is being sent, or while loss or delay agree with it.
"""

from dataclasses import dataclass, field

MIN_BITRATE = 100_000
START_BITRATE = 2_000_000
DEFAULT_MAX_BITRATE = 4_000_000

LOSS_TO_SLOW_DOWN = 0.10
LOSS_TO_SPEED_UP = 0.02
INCREASE_PER_SECOND = 1.25
QUEUEING_SECONDS = 0.15
"""A round trip so much over the shortest seen means that a queue has built up on the way."""
SETTLING_SECONDS = 6.0
"""How long a REMB below what is sent is taken for a browser's slow start, while nothing else speaks for congestion."""


@dataclass(slots=True)
class BitrateController:
    """Decides on the target from reports. All times in seconds on one clock, all rates in bit/s."""

    maximum: int = DEFAULT_MAX_BITRATE
    target: int = field(init=False)
    _started_at: float | None = None
    _increased_at: float = 0.0
    _remb: int | None = None
    _remb_trusted: bool = False
    _shortest_round_trip: float | None = None
    _congested_at: float | None = None

    def __post_init__(self) -> None:
        self.target = min(START_BITRATE, self.maximum)

    def on_remb(self, bitrate: int, now: float) -> None:
        """The partner's estimate of what it can receive."""
        self._remb = max(bitrate, MIN_BITRATE)
        settled = now - self._begin(now) > SETTLING_SECONDS
        if settled or self._remb >= 0.9 * self.target or self._is_congested(now):
            self._remb_trusted = True
        if self._remb_trusted:
            self.target = min(self.target, self._remb)

    def on_report(self, fraction_lost: float, round_trip: float | None, now: float) -> None:
        """A receiver report: the share of packets lost since the last one (0 to 1), and the round trip."""
        self._begin(now)
        queueing = self._is_queueing(round_trip)
        if fraction_lost > LOSS_TO_SLOW_DOWN or queueing:
            self._congested_at = now
            cut = 1 - 0.5 * fraction_lost if not queueing else min(0.8, 1 - 0.5 * fraction_lost)
            self.target = max(MIN_BITRATE, int(self.target * cut))
            self._increased_at = now
        elif fraction_lost < LOSS_TO_SPEED_UP:
            self._increase(now)

    def _increase(self, now: float) -> None:
        elapsed = min(now - self._increased_at, 2.0)
        self._increased_at = now
        ceiling = self.maximum if not self._remb_trusted or self._remb is None else min(self.maximum, self._remb)
        self.target = max(MIN_BITRATE, min(int(self.target * INCREASE_PER_SECOND**elapsed), ceiling))

    def _is_queueing(self, round_trip: float | None) -> bool:
        if round_trip is None:
            return False
        if self._shortest_round_trip is None or round_trip < self._shortest_round_trip:
            self._shortest_round_trip = round_trip
        return round_trip > self._shortest_round_trip + QUEUEING_SECONDS

    def _is_congested(self, now: float) -> bool:
        return self._congested_at is not None and now - self._congested_at < SETTLING_SECONDS

    def _begin(self, now: float) -> float:
        """When the first report came."""
        if self._started_at is None:
            self._started_at = self._increased_at = now
        return self._started_at
