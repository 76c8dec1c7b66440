"""The rate controller against what browsers and links report."""

import pytest

from peer.rtp.congestion import MIN_BITRATE, BitrateController, suitable_bitrate


def at_hd(limit: int | None = None) -> BitrateController:
    controller = BitrateController(limit)
    controller.fit(1280, 720, 30)
    return controller


START = at_hd().target


@pytest.mark.parametrize(
    ("picture", "least", "most"),
    [
        ((320, 240, 15), 300_000, 500_000),
        ((640, 360, 30), 800_000, 1_000_000),
        ((1280, 720, 30), 2_500_000, 2_500_000),
        ((1920, 1080, 30), 4_000_000, 5_000_000),
        ((7680, 4320, 120), 20_000_000, 20_000_000),
    ],
)
def test_the_maximum_follows_the_picture(picture: tuple[int, int, int], least: int, most: int) -> None:
    assert least <= suitable_bitrate(*picture) <= most
    controller = BitrateController()
    controller.fit(*picture)
    assert controller.maximum == suitable_bitrate(*picture)
    assert controller.maximum / 2 < controller.target < controller.maximum


def test_what_the_user_allows_is_the_maximum_whatever_the_picture() -> None:
    for limit in (500_000, 9_000_000):
        controller = at_hd(limit)
        for second in range(30):
            assert controller.target <= limit
            controller.on_report(0.0, 0.01, float(second))
        assert controller.target == limit


def test_a_smaller_picture_in_mid_call_lowers_the_rate_and_a_larger_one_lets_it_grow_from_there() -> None:
    controller = at_hd()
    controller.on_report(0.0, 0.01, 0.0)
    controller.fit(320, 240, 30)
    small = controller.target
    assert small == controller.maximum == suitable_bitrate(320, 240, 30)
    controller.fit(1280, 720, 30)
    assert controller.target == small
    controller.on_report(0.0, 0.01, 1.0)
    assert small < controller.target < 1.3 * small


def test_a_browsers_slow_start_does_not_starve_the_picture() -> None:
    controller = at_hd()
    for second in range(5):
        controller.on_remb(250_000 + 100_000 * second, float(second))
        controller.on_report(0.0, 0.01, float(second))
    assert controller.target >= START


def test_without_loss_it_rises_to_the_maximum_and_stays_there() -> None:
    controller = at_hd(3_000_000)
    for second in range(20):
        controller.on_report(0.0, 0.01, float(second))
    assert controller.target == 3_000_000


@pytest.mark.parametrize(("loss", "round_trip"), [(0.4, 0.02), (0.0, 0.6)])
def test_loss_and_a_growing_queue_bring_it_down_within_seconds(loss: float, round_trip: float) -> None:
    controller = at_hd()
    controller.on_report(0.0, 0.02, 0.0)
    for second in range(1, 6):
        controller.on_report(loss, round_trip, float(second))
    assert controller.target < START / 2


def test_a_congested_link_gets_less_than_it_carried_at_once_and_is_tried_again_slowly() -> None:
    controller = BitrateController()
    controller.fit(1920, 1080, 30)
    start = controller.target
    controller.on_report(0.0, 0.02, 0.0, delivered=start)
    controller.on_report(0.5, 0.3, 1.0, delivered=1_000_000)
    assert start // 2 <= controller.target < start
    controller.on_report(0.2, 0.3, 2.0, delivered=1_000_000)
    assert controller.target == 850_000
    assert controller.is_narrow
    for second in range(3, 6):
        controller.on_report(0.0, 0.03, float(second), delivered=800_000)
        controller.check(float(second))
    assert 850_000 < controller.target < 1_050_000
    for second in range(6, 90):
        controller.on_report(0.0, 0.03, float(second), delivered=controller.target)
        controller.check(float(second))
    assert not controller.is_narrow
    assert controller.target == controller.maximum


def test_chance_loss_of_five_percent_changes_nothing() -> None:
    controller = at_hd()
    sent = 0
    for tenth in range(300):
        sent += 30
        controller.on_losses(1 + tenth % 2, sent, tenth / 10)
        if not tenth % 10:
            controller.on_report(0.05, 0.03, tenth / 10, delivered=0.95 * controller.target)
    assert controller.target == START
    assert not controller.is_narrow


def test_a_burst_of_losses_is_answered_before_any_report() -> None:
    controller = at_hd()
    controller.on_losses(1, 10_000, 0.0)
    controller.on_losses(60, 10_100, 0.1)
    assert controller.target < START
    once = controller.target
    controller.on_losses(20, 10_130, 0.2)
    assert controller.target == once  # the same burst
    controller.on_losses(30, 10_200, 1.0)
    assert controller.target < once


def test_pictures_are_paced_by_the_rate_only_on_a_narrow_link() -> None:
    controller = at_hd()
    assert controller.pace > 10 * controller.target
    controller.on_report(0.5, 0.3, 1.0, delivered=1_000_000)
    assert controller.target < controller.pace < 1.5 * controller.target


def test_a_low_estimate_is_believed_when_loss_agrees() -> None:
    controller = at_hd()
    controller.on_report(0.3, 0.02, 0.5)
    controller.on_remb(600_000, 1.0)
    assert controller.target == 600_000


def test_an_estimate_that_grows_slowly_is_not_believed_while_everything_arrives() -> None:
    controller = at_hd()
    for half in range(60):
        controller.on_remb(int(800_000 * 1.08 ** (half / 2)), half / 2)
        controller.on_report(0.0, 0.02, half / 2, delivered=controller.target)
        assert controller.target >= START
    assert controller.target == controller.maximum


def test_a_low_estimate_that_stays_is_believed_and_then_followed() -> None:
    controller = at_hd()
    for second in range(10):
        controller.on_remb(900_000, float(second))
        controller.on_report(0.0, 0.02, float(second))
    assert controller.target == 900_000
    controller.on_remb(2_000_000, 11.0)
    controller.on_report(0.0, 0.02, 12.0)
    assert 900_000 < controller.target <= 2_000_000


def test_it_never_falls_below_what_a_picture_needs() -> None:
    controller = at_hd()
    for second in range(100):
        controller.on_report(1.0, 2.0, float(second), delivered=0.0)
        controller.on_losses(100, 100 * second, float(second))
        controller.on_remb(1, float(second))
    assert controller.target == MIN_BITRATE


def test_a_single_late_report_is_the_machines_fault_and_two_are_the_links() -> None:
    controller = at_hd()
    for second, round_trip in enumerate((0.02, 0.2, 0.02, 0.2)):
        controller.on_report(0.0, round_trip, float(second))
    assert not controller.is_narrow
    controller.on_report(0.0, 0.2, 4.0)
    assert controller.is_narrow


def test_waiting_packets_of_others_do_not_count_as_what_the_link_carries() -> None:
    controller = at_hd()
    controller.on_report(0.0, 0.02, 0.0)
    controller.on_report(0.0, 0.6, 1.0, delivered=50_000)  # a still picture, while something else fills the link
    assert controller.target > 0.8 * START
