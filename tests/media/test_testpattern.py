"""The test picture can be read back: drawn, scaled, and compressed."""

import io

import av
import numpy as np
import pytest

from peer.media.base.pictures import planes, to_yuv420p
from peer.media.sources.drawn.testpattern import WRAP, TestPicture, TestReading, crc8, read_test_picture


def test_the_checksum_is_crc8_as_catalogued() -> None:
    assert crc8(b"123456789") == 0xF4  # the check value of CRC-8/SMBUS


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (320, 180), (160, 120), (720, 1280), (1366, 768), (64, 64)])
@pytest.mark.parametrize("counter", [0, 1, 0xABCDEF, WRAP - 1, WRAP + 7])
def test_counter_and_clock_are_read_back_from_any_size(size: tuple[int, int], counter: int) -> None:
    frame = TestPicture(*size).draw(counter, 1.25, now=1_700_000_000.123)
    assert (frame.width, frame.height, frame.format.name) == (*size, "yuv420p")
    assert read_test_picture(planes(frame)[0]) == TestReading(counter % WRAP, 1_700_000_000_123 % WRAP)


@pytest.mark.parametrize("size", [(320, 180), (960, 540), (426, 240)])
def test_it_is_read_back_after_scaling(size: tuple[int, int]) -> None:
    frame = to_yuv420p(TestPicture(1280, 720).draw(77, 0, now=5.0), size)
    assert read_test_picture(planes(frame)[0]) == TestReading(77, 5000)


def test_it_is_read_back_after_strong_compression() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "40", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        picture = TestPicture(640, 360)
        for number in range(30):
            container.mux(stream.encode(picture.draw(number, number / 30)))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        readings = [read_test_picture(planes(frame)[0]) for frame in container.decode(video=0)]
    assert [reading and reading.counter for reading in readings] == list(range(30))


def test_another_picture_is_not_taken_for_a_test_picture() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280), np.uint8)
    assert read_test_picture(noise) is None
    assert read_test_picture(np.full((720, 1280), 235, np.uint8)) is None
    assert read_test_picture(np.zeros((16, 16), np.uint8)) is None


def test_a_damaged_bit_is_noticed() -> None:
    frame = TestPicture(640, 480).draw(1, 0)
    planes(frame)[0][:30, 0:20] ^= 255
    assert read_test_picture(planes(frame)[0]) is None


def test_something_moves_below_the_code() -> None:
    picture = TestPicture(640, 480)
    early, late = (planes(picture.draw(0, seconds, now=0.0))[0] for seconds in (0.0, 0.5))
    assert np.count_nonzero(early[60:400] != late[60:400]) > 500
