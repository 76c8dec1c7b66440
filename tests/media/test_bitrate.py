"""The rate controller against what browsers and links report."""

from peer.media.bitrate import MIN_BITRATE, START_BITRATE, BitrateController


def test_a_browsers_slow_start_does_not_starve_the_picture() -> None:
    controller = BitrateController(maximum=4_000_000)
    for second in range(5):
        controller.on_remb(250_000 + 100_000 * second, float(second))
        controller.on_report(0.0, 0.01, float(second))
    assert controller.target >= START_BITRATE


def test_without_loss_it_rises_to_the_maximum_and_stays_there() -> None:
    controller = BitrateController(maximum=3_000_000)
    for second in range(20):
        controller.on_report(0.0, 0.01, float(second))
    assert controller.target == 3_000_000


def test_loss_and_a_growing_queue_bring_it_down_within_seconds() -> None:
    for loss, round_trip in ((0.4, 0.02), (0.0, 0.6)):
        controller = BitrateController()
        controller.on_report(0.0, 0.02, 0.0)
        for second in range(1, 6):
            controller.on_report(loss, round_trip, float(second))
        assert controller.target < START_BITRATE / 2


def test_a_low_estimate_is_believed_when_loss_agrees() -> None:
    controller = BitrateController()
    controller.on_report(0.3, 0.02, 0.5)
    controller.on_remb(600_000, 1.0)
    assert controller.target == 600_000


def test_a_low_estimate_is_believed_once_the_start_is_over() -> None:
    controller = BitrateController()
    controller.on_remb(300_000, 0.0)
    controller.on_remb(900_000, 10.0)
    assert controller.target == 900_000
    controller.on_remb(2_000_000, 11.0)
    controller.on_report(0.0, 0.02, 12.0)
    assert 900_000 < controller.target <= 2_000_000


def test_it_never_falls_below_what_a_picture_needs() -> None:
    controller = BitrateController()
    for second in range(100):
        controller.on_report(1.0, 2.0, float(second))
        controller.on_remb(1, float(second))
    assert controller.target == MIN_BITRATE
