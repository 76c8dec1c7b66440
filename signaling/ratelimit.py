"""How many, how fast. No I/O, no clock of its own."""


class TokenBucket:
    """Lets `burst` things pass at once, and `rate` a second for ever: messages, bytes, seconds of work."""

    __slots__ = ("_burst", "_rate", "_since", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._since = now

    def take(self, now: float, amount: float = 1) -> bool:
        """Whether so much more may pass at the time `now`, in seconds. What may not is not counted."""
        tokens = self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if tokens < amount:
            return False
        self._tokens = tokens - amount
        return True

    def charge(self, now: float, amount: float) -> float:
        """Count what has passed already. Returns the seconds until nothing is owed; 0 while something is left."""
        self.take(now, 0)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)
