"""Packets into pictures: order, loss, repair, and going on from a keyframe."""

from hypothesis import given, settings
from hypothesis import strategies as st

from peer.rtp.assembly import CodedFrame, MediaPacket, VideoAssembler


def picture(first: int, count: int, timestamp: int, *, key: bool = False) -> list[MediaPacket]:
    return [
        MediaPacket(
            (first + index) & 0xFFFF, timestamp, index == count - 1, b"%d.%d;" % (timestamp, index), key and not index
        )
        for index in range(count)
    ]


def whole(timestamp: int, count: int) -> CodedFrame:
    return CodedFrame(b"".join(b"%d.%d;" % (timestamp, index) for index in range(count)), timestamp)


def feed(assembler: VideoAssembler, packets: list[MediaPacket], now: float = 0.0) -> list[CodedFrame]:
    return [frame for packet in packets for frame in assembler.add(packet, now)]


def test_a_picture_is_out_with_its_marker() -> None:
    assembler = VideoAssembler()
    packets = picture(10, 3, 100, key=True)
    assert feed(assembler, packets[:2]) == []
    assert feed(assembler, packets[2:]) == [whole(100, 3)]
    assert feed(assembler, picture(13, 1, 200)) == [whole(200, 1)]


def test_a_picture_without_a_marker_is_out_with_the_next() -> None:
    assembler = VideoAssembler()
    unmarked = [MediaPacket(1, 100, False, b"a", True), MediaPacket(2, 100, False, b"b")]
    assert feed(assembler, [*unmarked, MediaPacket(3, 200, False, b"c")]) == [CodedFrame(b"ab", 100)]


def test_padding_is_passed_over() -> None:
    assembler = VideoAssembler()
    padding = [MediaPacket(2, 100, False, b""), MediaPacket(3, 100, False, b"")]
    packets = [*picture(1, 1, 100, key=True), *padding, *picture(4, 2, 200)]
    assert feed(assembler, packets) == [whole(100, 1), whole(200, 2)]


def test_nothing_is_out_before_a_keyframe_and_one_is_asked_for() -> None:
    assembler = VideoAssembler()
    assert feed(assembler, picture(1, 2, 100)) == []
    assert assembler.feedback(0.0)[1]
    assert not assembler.feedback(0.1)[1]
    assert assembler.feedback(1.0)[1]
    assert feed(assembler, picture(3, 2, 200, key=True)) == [whole(200, 2)]
    assert not assembler.busy


def test_what_is_missing_is_asked_for_at_once_and_again() -> None:
    assembler = VideoAssembler(round_trip=0.05)
    lost = picture(1, 3, 100, key=True)
    feed(assembler, [lost[0], lost[2]])
    assert assembler.feedback(0.0) == ([2], False)
    assert assembler.feedback(0.02) == ([], False)
    assert assembler.feedback(0.07) == ([2], False)
    assert feed(assembler, picture(4, 1, 200)) == []
    assert feed(assembler, [lost[1]], 0.1) == [whole(100, 3), whole(200, 1)]
    assert not assembler.busy


def test_when_repair_fails_it_goes_on_from_the_next_keyframe() -> None:
    assembler = VideoAssembler(round_trip=0.02)
    feed(assembler, picture(1, 1, 100, key=True))
    lost = picture(2, 2, 200)
    feed(assembler, [lost[1], *picture(4, 1, 300)])
    assert assembler.feedback(0.1)[1] is False
    assert assembler.feedback(0.4)[1] is True
    assert feed(assembler, picture(5, 1, 400), 0.45) == []
    assert feed(assembler, picture(6, 2, 500, key=True), 0.5) == [whole(500, 2)]
    assert feed(assembler, [lost[0]], 0.6) == []


def test_a_keyframe_that_is_there_already_is_gone_on_from() -> None:
    assembler = VideoAssembler(round_trip=0.02)
    feed(assembler, picture(1, 1, 100, key=True))
    feed(assembler, [picture(2, 2, 200)[1], *picture(4, 2, 300, key=True)], 0.0)
    assembler.feedback(0.5)
    assert feed(assembler, picture(6, 1, 400), 0.5) == [whole(300, 2), whole(400, 1)]


def test_a_lost_decoder_waits_for_a_keyframe() -> None:
    assembler = VideoAssembler()
    feed(assembler, picture(1, 1, 100, key=True))
    assembler.request_keyframe()
    assert assembler.feedback(0.0)[1]
    assert feed(assembler, picture(2, 1, 200)) == []
    assert feed(assembler, picture(3, 1, 300, key=True)) == [whole(300, 1)]


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF), st.floats(0, 0.3))
def test_any_order_with_repaired_losses_gives_every_picture_once_in_order(source, first, share) -> None:  # type: ignore[no-untyped-def]
    counts = [source.randint(1, 6) for _ in range(30)]
    packets, expected, number = [], [], first
    for index, count in enumerate(counts):
        packets += picture(number, count, index * 3000, key=index == 0)
        expected.append(whole(index * 3000, count))
        number += count
    by_number = {packet.sequence: packet for packet in packets}
    assembler = VideoAssembler(round_trip=0.01)
    frames = assembler.add(packets[0], 0.0)
    now, late = 0.0, []
    for packet in packets[1:]:
        now += 0.001
        if source.random() < share and packet is not packets[-1]:
            late.append(packet)
        else:
            frames += assembler.add(packet, now)
        for wanted in assembler.feedback(now)[0]:
            frames += assembler.add(by_number[wanted], now)
            frames += assembler.add(by_number[wanted], now)
    for packet in late:
        frames += assembler.add(packet, now)
    assert frames == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 5), st.booleans(), st.booleans()), max_size=300))
def test_nonsense_is_survived_within_bounds(packets) -> None:  # type: ignore[no-untyped-def]
    assembler = VideoAssembler()
    for index, (number, timestamp, marker, key) in enumerate(packets):
        assembler.add(MediaPacket(number, timestamp, marker, b"x", key), index * 0.01)
        lost, _ = assembler.feedback(index * 0.01)
        assert len(lost) <= 10 * 256
