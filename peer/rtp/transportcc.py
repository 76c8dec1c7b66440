"""Feedback on the arrival of every packet (draft-holmer-rmcat-transport-wide-cc-extensions-01), without I/O.

The partner numbers its packets across all streams and estimates the link itself from when each one came. Browsers do
that far better, and sooner, than from an estimate of ours (REMB): they probe, and are at their full rate in seconds.
"""

import struct
from dataclasses import dataclass, field

from peer.rtp.assembly import Unwrapper

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
FORMAT = 15
"""The FMT of such an RTCP packet of type 205 (§3.1)."""

REFERENCE_SECONDS = 0.064
DELTA_SECONDS = 0.00025
MAX_SPAN = 1024
"""Packets from the first to the last in one report; a partner could jump over all numbers at once."""

_LOST, _SMALL, _LARGE = 0, 1, 2
_RUN_LIMIT = 0x1FFF
_SYMBOLS = 7
"""Statuses in a chunk of two bits each (§3.1.4)."""


@dataclass(slots=True)
class ArrivalLog:
    """Notes when packets come, and reports it. All times in seconds on one clock."""

    _unwrapper: Unwrapper = field(default_factory=Unwrapper)
    _arrivals: dict[int, float] = field(default_factory=dict)
    _begin: int | None = None
    """The number that the next report begins with."""
    _reports: int = 0

    def add(self, sequence: int, now: float) -> None:
        """A packet with this transport-wide number came."""
        number = self._unwrapper.unwrap(sequence)
        if self._begin is None:
            self._begin = number
        if number < self._begin or number in self._arrivals:
            return  # reported as lost, or as received, before
        if number - self._begin >= MAX_SPAN:
            self._begin = number - MAX_SPAN + 1
            self._arrivals = {key: at for key, at in self._arrivals.items() if key >= self._begin}
        self._arrivals[number] = now

    def take(self) -> bytes | None:
        """The feedback control information (§3.1, from the base sequence number on) of what came since the last call.

        None when nothing did. Its length is any; RTCP pads it.
        """
        if not self._arrivals or self._begin is None:
            return None
        begin, end = self._begin, max(self._arrivals) + 1
        first = self._arrivals[min(self._arrivals)]
        reference = int(first / REFERENCE_SECONDS)
        symbols, deltas = self._statuses(begin, end, reference)
        self._begin = end
        self._arrivals = {}
        # More than 24 bits of time wrap; so does the count of reports.
        header = struct.pack("!HHI", begin & 0xFFFF, end - begin, (reference & 0xFFFFFF) << 8 | self._reports)
        self._reports = (self._reports + 1) & 0xFF
        return header + _chunks(symbols) + deltas

    def _statuses(self, begin: int, end: int, reference: int) -> tuple[list[int], bytes]:
        """A symbol for each packet, and the time since the one before for each that came."""
        symbols: list[int] = []
        deltas = bytearray()
        ticks = round(reference * REFERENCE_SECONDS / DELTA_SECONDS)
        for number in range(begin, end):
            at = self._arrivals.get(number)
            if at is None:
                symbols.append(_LOST)
                continue
            delta = int(at / DELTA_SECONDS) - ticks
            if 0 <= delta <= 0xFF:
                symbols.append(_SMALL)
                deltas.append(delta)
            else:
                delta = max(-0x8000, min(delta, 0x7FFF))
                symbols.append(_LARGE)
                deltas += struct.pack("!h", delta)
            ticks += delta
        return symbols, bytes(deltas)


def _chunks(symbols: list[int]) -> bytes:
    """Runs of one status where they are long (§3.1.3), else seven statuses of two bits (§3.1.4)."""
    chunks = bytearray()
    position = 0
    while position < len(symbols):
        symbol = symbols[position]
        run = 1
        while position + run < len(symbols) and symbols[position + run] == symbol and run < _RUN_LIMIT:
            run += 1
        if run >= _SYMBOLS or position + run == len(symbols):
            chunks += struct.pack("!H", symbol << 13 | run)
            position += run
            continue
        chunk = 0b11 << 14
        for place, other in enumerate(symbols[position : position + _SYMBOLS]):
            chunk |= other << 2 * (_SYMBOLS - 1 - place)
        chunks += struct.pack("!H", chunk)
        position += _SYMBOLS
    return bytes(chunks)
