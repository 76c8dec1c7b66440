"""How much a partner's browser may send: plenty at first, then, little by little, what suits its picture. Without I/O.

Plenty brings its picture to full size at once. But a browser whose allowance falls in one go holds back what it has
coded by then: from 6 to 2.5 Mbit/s, its picture came 0.3 to 0.5 s late for two seconds (seen).
"""

from dataclasses import dataclass

AT_FIRST = 6_000_000
"""bit/s: what a browser is asked to start at, enough for its first 720p pictures not to be made smaller."""
START_SECONDS = 8.0
"""How long it may send as much as that: what brings its picture to full size."""
LEAST = 2_500_000
"""bit/s: a browser is never asked for less because its pictures are small, or they would stay so."""
STEP_SECONDS = 0.25
STEP_SHARE = 0.97
"""What is left after each step: 12 % less in a second, which an encoder follows before anything waits. From the first
allowance to that for 720p it takes 7 s."""


@dataclass(slots=True)
class Allowance:
    """What one partner may send. Times in seconds on one clock, rates in bit/s."""

    begun_at: float
    _allowed: int = AT_FIRST
    _enough: int = LEAST
    _lowered_at: float = float("-inf")

    def towards(self, enough: int, now: float) -> int | None:
        """What to tell the partner now, on the way to what is enough; None in the first seconds."""
        if now - self.begun_at <= START_SECONDS:
            return None
        self._enough = max(enough, LEAST)
        if self._enough >= self._allowed:
            self._allowed = self._enough
        elif now - self._lowered_at >= STEP_SECONDS:
            self._allowed = max(self._enough, int(STEP_SHARE * self._allowed))
            self._lowered_at = now
        return self._allowed

    @property
    def is_falling(self) -> bool:
        """Whether what was told last is more than enough."""
        return self._allowed > self._enough
