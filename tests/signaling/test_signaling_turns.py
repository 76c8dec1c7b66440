"""Who reads when: a loop and a clock that the test turns by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from signaling.turns import SECONDS_A_TURN, Turns


@dataclass
class Loop:
    """An event loop, without events."""

    now: float = 0.0
    due: list[Callable[[], None]] = field(default_factory=list)

    def call_soon(self, function: Callable[[], None]) -> None:
        self.due.append(function)

    def turn(self) -> None:
        due, self.due = self.due, []
        for function in due:
            function()


@dataclass(eq=False)
class Reader:
    """Has so much to read, at so much time a piece."""

    name: str
    loop: Loop
    log: list[str]
    left: int = 1
    seconds: float = SECONDS_A_TURN / 4
    waits: bool = False
    may_go_on: bool = True

    def read(self, now: float) -> bool:
        assert now == self.loop.now
        self.loop.now += self.seconds
        self.log.append(self.name)
        self.left -= 1
        self.waits = self.waits and self.left > 0
        return self.left > 0

    def charge(self, now: float, seconds: float) -> bool:
        assert now == self.loop.now
        assert seconds == pytest.approx(self.seconds)
        return self.may_go_on

    def wait(self) -> None:
        self.waits = True


class TestTurns:
    def setup_method(self) -> None:
        self.loop = Loop()
        self.log: list[str] = []
        self.turns = Turns(self.loop.call_soon, lambda: self.loop.now)

    def ask(self, name: str, left: int = 1, **options: float) -> Reader:
        reader = Reader(name, self.loop, self.log, left, **options)  # type: ignore[arg-type]
        self.turns.ask(reader)
        return reader

    def test_who_has_little_reads_at_once(self) -> None:
        self.ask("a")
        self.ask("b")
        assert self.log == ["a", "b"]
        assert not self.loop.due

    def test_a_turn_has_only_so_much_time(self) -> None:
        readers = [self.ask(name) for name in "abcdef"]
        assert self.log == ["a", "b", "c", "d"]
        assert [reader.waits for reader in readers] == [False] * 4 + [True] * 2
        self.loop.turn()
        assert self.log == ["a", "b", "c", "d", "e", "f"]
        assert not readers[5].waits
        assert not self.loop.due

    def test_the_new_come_before_those_who_are_behind(self) -> None:
        self.ask("flood", 100)
        for name in "abcde":
            self.ask(name)
        assert self.log == ["flood", "a", "b", "c"]
        self.loop.turn()
        assert self.log[4:] == ["d", "e", "flood", "flood"]

    def test_those_who_are_behind_get_on_all_the_same(self) -> None:
        self.ask("flood", 3, seconds=SECONDS_A_TURN)
        for _ in range(2):
            for name in "abcdef":
                self.ask(name, seconds=SECONDS_A_TURN)
            self.loop.turn()
        assert self.log.count("flood") == 3

    def test_they_take_turns(self) -> None:
        for name in "abc":
            self.ask(name, 3, seconds=SECONDS_A_TURN * 0.34)
        for _ in range(2):
            self.loop.turn()
        assert self.log == ["a", "b", "c"] * 3
        assert not self.loop.due

    def test_who_must_rest_is_not_lined_up(self) -> None:
        self.ask("greedy", 9, may_go_on=False)
        self.loop.turn()
        assert self.log == ["greedy"]

    def test_one_that_fails_stops_nobody_else(self) -> None:
        self.ask("busy", seconds=SECONDS_A_TURN)

        class Faulty(Reader):
            def read(self, now: float) -> bool:
                raise ZeroDivisionError

        self.turns.ask(Faulty("faulty", self.loop, self.log))
        self.ask("next")
        with pytest.raises(ZeroDivisionError):
            self.loop.turn()
        self.loop.turn()
        assert self.log == ["busy", "next"]
