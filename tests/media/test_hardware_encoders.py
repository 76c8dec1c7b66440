"""Encoders in hardware: none is here, so this is about how they are fallen back from, with the real libraries."""

import logging

import av
import pytest

from peer.config import ENCODERS
from peer.media.base.encoder import TIME_BASE
from peer.media.encoders import hardware
from peer.media.encoders.h264 import H264Encoder
from peer.media.encoders.hardware import OPTIONS, HardwareEncoder, UnusableEncoderError, make_h264
from peer.rtp.keyframes import starts_keyframe


def picture(index: int) -> av.VideoFrame:
    frame = av.VideoFrame(320, 240, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([100 + index]) * plane.buffer_size)
    frame.pts, frame.time_base = index * 3000, TIME_BASE
    return frame


def test_the_command_line_knows_them_all() -> None:
    assert set(ENCODERS) == {"software", "auto", *OPTIONS}


@pytest.mark.parametrize("name", [*OPTIONS, "auto"])
def test_what_is_not_there_is_told_in_one_line_and_x264_codes(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hardware, "present", lambda: list(OPTIONS))
    encoder = make_h264(name, 500_000, 1_000_000)
    (line,) = [record.getMessage() for record in caplog.records if record.name == hardware.__name__]
    assert "x264 codes the pictures" in line
    assert "\n" not in line
    assert all(tried in line for tried in (OPTIONS if name == "auto" else [name]))
    assert isinstance(encoder, H264Encoder)
    assert starts_keyframe("H264", encoder.encode(picture(0), keyframe=True)[0])


def test_without_devices_nothing_is_tried_and_nothing_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hardware, "DEVICES", {"linux": dict.fromkeys(OPTIONS, "no-such-thing*")})
    monkeypatch.setattr(hardware.sys, "platform", "linux")
    with caplog.at_level(logging.INFO, hardware.__name__):
        assert isinstance(make_h264("auto", 500_000, 1_000_000), H264Encoder)
        assert isinstance(make_h264("software", 500_000, 1_000_000), H264Encoder)
    assert not caplog.records


GOOD = {"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}
"""x264 goes through the same code as an encoder in hardware would: a real one, that is here."""


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({**GOOD, "profile": "high"}, "baseline profile"), ({**GOOD, "tune": "film"}, "holds pictures back")],
)
def test_one_that_does_something_else_than_it_was_asked_for_is_not_taken(
    options: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIONS, "libx264", options)
    with pytest.raises(UnusableEncoderError, match=complaint):
        HardwareEncoder("libx264", 500_000, 1_000_000)


def test_one_that_works_is_taken_and_x264_takes_over_when_it_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(OPTIONS, "libx264", GOOD)
    encoder = make_h264("libx264", 500_000, 1_000_000)
    assert isinstance(encoder, HardwareEncoder)
    kinds = [starts_keyframe("H264", encoder.encode(picture(index), keyframe=index == 2)[0]) for index in range(4)]
    assert kinds == [True, False, True, False]
    monkeypatch.setitem(OPTIONS, "libx264", {**GOOD, "preset": "no such"})
    encoder.bitrate = 900_000  # made anew, which fails now
    assert starts_keyframe("H264", encoder.encode(picture(4), keyframe=False)[0])
    assert not starts_keyframe("H264", encoder.encode(picture(5), keyframe=False)[0])
    assert sum("takes over" in record.getMessage() for record in caplog.records) == 1
