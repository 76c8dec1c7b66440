"""How many, how fast. No I/O, no clock of its own."""


class TokenBucket:
    """Lets `burst` things pass at once, and `rate` a second for ever."""

    __slots__ = ("_burst", "_rate", "_since", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._since = now

    def take(self, now: float) -> bool:
        """Whether one more thing may pass at the time `now`, in seconds."""
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Pace:
    """Says how long to wait so that what is spent stays at `rate` a second, with `burst` at once."""

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._left = burst
        self._since = now

    def spend(self, cost: float, now: float) -> float:
        """Spend this much at the time `now`; return the seconds to wait before anything else is."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate) - cost
        self._since = now
        return max(0.0, -self._left / self._rate)
