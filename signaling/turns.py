"""Who reads when: the time of the event loop, shared among connections. No I/O, no clock of its own."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

SECONDS_A_TURN = 0.002
"""Time that reading may take in one turn of the event loop, before everything else has its own."""

CHEAP_READ = 0.0005
"""Seconds. Cheaper reads are not charged: the count of frames and bytes bounds them."""

BYTES_A_READ = 16 * 1024
"""Bytes that one connection takes in at a time: more than one message of a usual call."""


class Reader(Protocol):
    """A connection with something to read."""

    def read(self, now: float) -> bool:
        """Read a little. Whether there is more."""

    def charge(self, now: float, seconds: float) -> bool:
        """Count what reading took. False if that was too much, and the reader asks again by itself after a rest."""

    def wait(self) -> None:
        """Take in no more, until `read` was called and there was no more."""


class Turns:
    """Lets all connections of a relay read a little in turn.

    Who has something new reads it at once while there is time, so that a message goes from one socket to the other
    within one call. Else it stands in line for the next turn of the event loop, before those who were let in and had
    more than a little: these are many messages behind. At least one of them reads in every turn, so that they get on.

    `call_soon` runs a function in the event loop's next turn, `clock` gives seconds.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]) -> None:
        self.buffer = memoryview(bytearray(BYTES_A_READ))
        """What comes is taken in here, for all: one reads at a time, and 10,000 buffers would be 160 MB."""
        self._call_soon = call_soon
        self._clock = clock
        self._new: deque[Reader] = deque()
        self._behind: deque[Reader] = deque()
        self._spent = 0.0  # seconds, of the time for this turn
        self._is_due = False  # the event loop will run the next turn

    def ask(self, reader: Reader) -> None:
        """Let somebody read, now or later. It asks again only when it has read all it had."""
        if self._spent < SECONDS_A_TURN:
            self._let_read(reader)
        else:
            self._line_up(reader, self._new)
        if self._spent >= SECONDS_A_TURN:
            self._be_due()

    def _turn(self) -> None:
        self._is_due = False
        self._spent = 0.0
        try:
            self._let_in(self._new)
            if self._behind:
                self._let_read(self._behind.popleft())
            self._let_in(self._behind)
        finally:  # whatever goes wrong with one, the others get their turns
            self._spent = 0.0  # what comes in during the rest of this turn has as much time again
            if self._new or self._behind:
                self._be_due()

    def _let_in(self, line: deque[Reader]) -> None:
        while line and self._spent < SECONDS_A_TURN:
            self._let_read(line.popleft())

    def _let_read(self, reader: Reader) -> None:
        start = self._clock()
        has_more = reader.read(start)
        now = self._clock()
        self._spent += now - start
        if (now - start < CHEAP_READ or reader.charge(now, now - start)) and has_more:
            self._line_up(reader, self._behind)

    def _line_up(self, reader: Reader, line: deque[Reader]) -> None:
        reader.wait()
        line.append(reader)
        self._be_due()

    def _be_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._call_soon(self._turn)
