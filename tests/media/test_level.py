"""The loudness that goes with each packet of sound."""

import numpy as np
import pytest

from peer.media.base.sound import block_frame, level_dbov


@pytest.mark.parametrize(("amplitude", "level"), [(1.0, -3), (0.25, -15), (0.001, -63), (0.0, -127)])
def test_a_tone_is_as_loud_as_its_power(amplitude: float, level: int) -> None:
    tone = amplitude * 32767 * np.sin(2 * np.pi * 440 * np.arange(960) / 48000)
    assert level_dbov(block_frame(np.repeat(tone.astype(np.int16)[:, None], 2, axis=1))) == level


def test_a_square_wave_is_the_loudest_there_is() -> None:
    loud = np.full((960, 2), -32768, np.int16)
    assert level_dbov(block_frame(loud)) == 0
