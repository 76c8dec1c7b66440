"""Feedback on arrivals: what a browser would read in it is what came, and when."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.transportcc import DELTA_SECONDS, MAX_SPAN, REFERENCE_SECONDS, ArrivalLog


def read(control: bytes) -> dict[int, float | None]:
    """The arrival of each packet by its number, None for lost: an independent reading of the draft's §3.1."""
    base, count, word = struct.unpack_from("!HHI", control)
    symbols: list[int] = []
    position = 8
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", control, position)
        position += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    assert len(symbols) - count < 14
    at = (word >> 8) * REFERENCE_SECONDS
    arrivals: dict[int, float | None] = {}
    for index, symbol in enumerate(symbols[:count]):
        if symbol == 0:
            arrivals[base + index & 0xFFFF] = None
            continue
        form, size = ("!B", 1) if symbol == 1 else ("!h", 2)
        at += struct.unpack_from(form, control, position)[0] * DELTA_SECONDS
        position += size
        arrivals[base + index & 0xFFFF] = at
    assert position == len(control)
    return arrivals


def test_arrivals_and_losses_are_told_once() -> None:
    log = ArrivalLog()
    assert log.take() is None
    for number, at in ((65534, 100.0), (65535, 100.01), (1, 100.2), (2, 100.19)):
        log.add(number, at)
    told = read(log.take() or b"")
    assert [told[65534], told[65535], told[0]] == [100.0, 100.01, None]
    assert abs((told[1] or 0) - 100.2) < 0.001
    assert abs((told[2] or 0) - 100.19) < 0.001
    assert log.take() is None
    log.add(0, 100.3)  # told as lost before: too late
    log.add(4, 100.3)
    assert list(read(log.take() or b"")) == [3, 4]


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 60, allow_nan=False)), min_size=1, max_size=300))
def test_any_pattern_is_told_to_a_quarter_of_a_millisecond(packets: list[tuple[int, float]]) -> None:
    log = ArrivalLog()
    came: dict[int, float] = {}
    first = packets[0][0]
    for number, offset in sorted(packets):
        if number >= first and number not in came:
            came[number] = 1000 + number * 0.001 + offset / 1000
            log.add(number, came[number])
    told = read(log.take() or b"")
    newest = max(came)
    for number, at in told.items():
        assert (at is None) == (number not in came)
        assert at is None or abs(at - came[number]) <= 2 * DELTA_SECONDS
    assert all(number in told for number in came if newest - number < MAX_SPAN)


@given(st.lists(st.integers(0, 65535), max_size=400))
def test_jumps_stay_within_a_report(numbers: list[int]) -> None:
    log = ArrivalLog()
    for index, number in enumerate(numbers):
        log.add(number, index * 50.0)
    control = log.take()
    assert control is None or len(control) < 8 + MAX_SPAN * 4
