"""How many lines a terminal gets of what others can repeat as often as they like. No I/O, no clock of its own."""

AT_ONCE = 3
"""Lines of a kind that pass at once: a partner who comes, goes and comes again has each of them told."""
MAX_KINDS = 50
"""Kinds told apart; those beyond share one limit."""


class LineLimit:
    """Lets a line of each kind pass every second, a few at once, and counts those that it leaves out."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def passes(self, kind: str, now: float) -> bool:
        """Whether a line of this kind may be written at the time `now`, in seconds."""
        return self._of(kind).passes(now)

    def take_left_out(self, kind: str) -> int:
        """How many of this kind were left out since this was last asked."""
        limit = self._of(kind)
        count, limit.left_out = limit.left_out, 0
        return count

    def take_all_left_out(self) -> int:
        """How many of all kinds were left out, and not asked for."""
        return sum(self.take_left_out(kind) for kind in list(self._kinds))

    def _of(self, kind: str) -> "_Kind":
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind = ""
        return self._kinds.setdefault(kind, _Kind())


class _Kind:
    """One kind's limit."""

    def __init__(self) -> None:
        self.left_out = 0
        self._allowed = float(AT_ONCE)
        self._since = 0.0

    def passes(self, now: float) -> bool:
        self._allowed = min(AT_ONCE, self._allowed + now - self._since)
        self._since = now
        if self._allowed < 1:
            self.left_out += 1
            return False
        self._allowed -= 1
        return True
