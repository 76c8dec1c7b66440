"""How many bits a second to send: a controller without I/O, fed by what the partner reports.

Partners report three things. Receiver reports (RFC 3550 §6.4.2) tell loss and, by way of our sender reports, the round
trip, and what arrived since the last one; requests for lost packets (RFC 4585 §6.2.1) tell loss at once. Both show when
a link is too narrow, and then what arrived is what the link carries. REMB (draft-alvestrand-rmcat-remb) tells what the
browser thinks it can receive; it begins far too low, because it grows with what arrives, and only later becomes a
measure of the link: Chromium's is at 0.8 Mbit/s after 6 s of 4 Mbit/s that all arrive, and grows by 8 % a second. So it
is taken at its word only once it has come near what is being sent, when loss or delay agree with it, or when it stays
where it is, as one does that somebody has set.
"""

from collections import deque
from dataclasses import dataclass, field

MIN_BITRATE = 100_000
MAX_BITRATE = 50_000_000

LOSS_TO_SLOW_DOWN = 0.10
LOSS_TO_SPEED_UP = 0.02
BURST_LOSS = 0.25
"""So much lost within `BURST_SECONDS`, by the partner's requests, is no chance but a queue that overflows."""
BURST_SECONDS = 0.5
BURST_PACKETS = 12
PACKET_BITS = 9600
INCREASE_PER_SECOND = 1.25
INCREASE_NEAR_CAPACITY = 1.06
SHARE_OF_CAPACITY = 0.85
"""What to send of what a congested link carried: less than all, so that its queue drains."""
QUEUEING_SECONDS = 0.1
LONG_QUEUEING_SECONDS = 0.3
"""Two round trips in a row so much over the shortest seen, or one of the longer time, mean that a queue has built up
on the way. A single one can come from a busy machine, but is enough on a link that is known to be narrow."""
SETTLING_SECONDS = 6.0
"""How long congestion speaks for a low REMB, and how long one has to stay the same to be believed."""
SLOW_START_GROWTH = 1.1
NARROW_SECONDS = 20.0
"""How long after congestion a link is taken for one that is narrow."""
FAST_PACE = 40_000_000
PACE_FACTOR = 1.3
"""On a narrow link a picture that leaves faster than the link carries it only fills queues."""
USED_SHARE = 0.7
"""Who sends less than this share of the target does not fill the link."""
CUT_SECONDS = 0.8
"""What is lost or late so soon after a cut is mostly from before it."""
LARGEST_CUT = 0.5


def suitable_bitrate(width: int, height: int, fps: float) -> int:
    """The rate over which a picture gains little: 2.5 Mbit/s for 1280x720 at 30 frames/s, 4.6 for 1920x1080.

    Larger pictures need fewer bits for a pixel. It is also what browsers allow themselves for 720p: more makes both
    ends work more, and every picture later, for what nobody sees.
    """
    share = width * height * fps / (1280 * 720 * 30)
    return int(min(max(2_500_000 * share**0.75, 300_000), 20_000_000))


@dataclass(slots=True)
class BitrateController:
    """Decides on the target from reports. All times in seconds on one clock, all rates in bit/s."""

    limit: int | None = None
    """What the user allows; None: what suits the picture."""
    maximum: int = field(init=False)
    target: int = field(init=False)
    is_narrow: bool = False
    """Whether the link was congested lately."""
    _started: bool = False
    _increased_at: float | None = None
    _remb_mark: tuple[float, int] | None = None
    """When, and what, the REMB was that the later ones are compared with."""
    _remb: int | None = None
    _remb_trusted: bool = False
    _shortest_round_trip: float | None = None
    _over: bool = False
    """Whether the round trip before was a long one."""
    _congested_at: float | None = None
    _capacity: int | None = None
    _cut_at: float = float("-inf")
    _losses: deque[tuple[float, int, int]] = field(default_factory=deque)
    _counted: int = 0

    def __post_init__(self) -> None:
        self.fit(1280, 720, 30)

    def fit(self, width: int, height: int, fps: float) -> None:
        """Pictures of this size come at this rate. Until something was reported, the start follows it, too."""
        suitable = suitable_bitrate(width, height, fps)
        self.maximum = suitable if self.limit is None else min(max(self.limit, MIN_BITRATE), MAX_BITRATE)
        if self._started:
            self.target = min(self.target, self.maximum)
        else:
            self.target = min(int(0.6 * suitable), self.maximum)

    def on_remb(self, bitrate: int, now: float) -> None:
        """The partner's estimate of what it can receive."""
        self._remb = max(bitrate, MIN_BITRATE)
        settled = False
        if self._remb_mark is None:
            self._remb_mark = now, self._remb
        elif now - self._remb_mark[0] > SETTLING_SECONDS:
            settled = self._remb < SLOW_START_GROWTH * self._remb_mark[1]
            self._remb_mark = now, self._remb
        if settled or self._remb >= 0.9 * self.target or self._congested_within(SETTLING_SECONDS, now):
            self._remb_trusted = True
        if self._remb_trusted:
            self.target = max(MIN_BITRATE, min(self.target, self._remb))

    def on_report(
        self, fraction_lost: float, round_trip: float | None, now: float, delivered: float | None = None
    ) -> None:
        """A receiver report: the share of packets lost since the last one (0 to 1), and the latest round trip.

        `delivered` is the rate at which packets arrived since the last report.
        """
        self._started = True
        queueing = self._is_queueing(round_trip)
        if fraction_lost > LOSS_TO_SLOW_DOWN or queueing:
            before = self.target
            if now - self._cut_at > CUT_SECONDS:
                self._slow_down(1 - 0.5 * fraction_lost if not queueing else min(0.85, 1 - 0.5 * fraction_lost), now)
            filled = fraction_lost > LOSS_TO_SLOW_DOWN or (delivered or 0) > USED_SHARE * before
            if delivered and filled and delivered < before:
                # What was lost or waits has filled the link: this is all that it carries.
                self._capacity = int(delivered)
                share = max(SHARE_OF_CAPACITY * delivered, LARGEST_CUT * before)
                self.target = max(MIN_BITRATE, min(self.target, int(share)))
        elif fraction_lost < LOSS_TO_SPEED_UP:
            self._increase(now)
        else:
            self._increased_at = now

    def on_losses(self, lost: int, sent: int, now: float) -> None:
        """The partner asks for `lost` packets, each for the first time; `sent` is how many were sent so far."""
        most = max(int(BURST_SECONDS * self.target / PACKET_BITS), lost)
        self._losses.append((now, lost, min(sent - self._counted, most)))
        self._counted = sent
        while self._losses[0][0] < now - BURST_SECONDS:
            self._losses.popleft()
        total = sum(lost for _, lost, _ in self._losses)
        share = total / max(sum(sent for _, _, sent in self._losses), total, 1)
        if total >= BURST_PACKETS and share > BURST_LOSS and now - self._cut_at > CUT_SECONDS:
            self._started = True
            self._slow_down(max(LARGEST_CUT, 1 - share), now)

    @property
    def pace(self) -> int:
        """How fast the packets of one picture may follow each other."""
        return FAST_PACE if not self.is_narrow else int(max(PACE_FACTOR * self.target, 300_000))

    def check(self, now: float) -> None:
        """Let what lies back too far be forgotten."""
        self.is_narrow = self._congested_within(NARROW_SECONDS, now)
        if not self.is_narrow:
            self._capacity = None

    def _slow_down(self, factor: float, now: float) -> None:
        self.target = max(MIN_BITRATE, int(self.target * factor))
        self._congested_at = self._increased_at = self._cut_at = now
        self.is_narrow = True

    def _increase(self, now: float) -> None:
        elapsed = min(now - (now if self._increased_at is None else self._increased_at), 2.0)
        self._increased_at = now
        if self._capacity is not None and self.target > 1.2 * self._capacity:
            self._capacity = None  # It carries more than it did.
        near = self._capacity is not None and self.target > 0.7 * self._capacity
        growth = INCREASE_NEAR_CAPACITY if near else INCREASE_PER_SECOND
        ceiling = self.maximum if not self._remb_trusted or self._remb is None else min(self.maximum, self._remb)
        self.target = max(MIN_BITRATE, min(int(self.target * growth**elapsed), ceiling))

    def _is_queueing(self, round_trip: float | None) -> bool:
        if round_trip is None:
            return False
        if self._shortest_round_trip is None or round_trip < self._shortest_round_trip:
            self._shortest_round_trip = round_trip
        was_over, self._over = self._over, round_trip > self._shortest_round_trip + QUEUEING_SECONDS
        return self._over and (
            was_over or self.is_narrow or round_trip > self._shortest_round_trip + LONG_QUEUEING_SECONDS
        )

    def _congested_within(self, seconds: float, now: float) -> bool:
        return self._congested_at is not None and now - self._congested_at < seconds
