"""What an offer and its answer come to, in words: which of picture and sound the call has to do without, and why."""

from collections.abc import Collection
from dataclasses import dataclass

from peer.sdp.description import Description

NAMES = {"audio": "sound", "video": "picture"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """An offer and its answer."""

    offer: Description
    answer: Description
    is_ours: bool
    """Whether the answer is ours, else the offer."""

    def left_out(self, sending: Collection[str]) -> list[str]:
        """A line for each thing that only one side has. `sending` are the kinds that we have something to send of."""
        lines: dict[tuple[str, str], list[str]] = {}
        for kind, name in NAMES.items():
            for line in self._lines(kind, sends=kind in sending):
                lines.setdefault(line, []).append(name)
        return [f"{begin} {' and no '.join(names)}{end}" for (begin, end), names in lines.items()]

    def _lines(self, kind: str, *, sends: bool) -> list[tuple[str, str]]:
        """What is to be said of a kind: what stands before its name, and what behind."""
        living = [each for each in self.answer.sections if each.kind == kind and not each.is_rejected]
        if not living:
            return [("this call has no", f": {self._why(kind)}")]
        partner_sends = any(each.receives if self.is_ours else each.sends for each in living)
        partner_takes = any(each.sends if self.is_ours else each.receives for each in living)
        lines = [] if partner_sends else [("the partner sends no", "")]
        return [*lines, *([("the partner takes no", ": ours is not sent")] if sends and not partner_takes else [])]

    def _why(self, kind: str) -> str:
        if not self.is_ours:
            return f"the partner rejects it (no {kind} codec in common, or by choice)"
        is_offered = any(each.kind == kind and each.can_be_had for each in self.offer.sections)
        return f"no {kind} codec in common" if is_offered else "the partner offers none"
