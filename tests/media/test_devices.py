"""What is passed to PyAV for a camera or microphone, on each platform; and ALSA, which needs help to work at all."""

import os
import subprocess
import sys
from pathlib import Path

import av.device
import pytest

from peer.media import alsa, devices
from peer.media.devices import Opening, cameras, microphones
from peer.media.probing import explained


def test_a_linux_camera_is_asked_for_size_and_rate_compressed_first_where_raw_is_too_slow() -> None:
    (camera,) = cameras("/dev/video3", platform="linux")
    wishes = {"video_size": "1280x720", "framerate": "30"}
    assert camera.label == "camera /dev/video3"
    assert camera.openings == [
        Opening("/dev/video3", "v4l2", {"input_format": "mjpeg", **wishes}),
        Opening("/dev/video3", "v4l2", wishes),
        Opening("/dev/video3", "v4l2", {"video_size": "1280x720"}),
        Opening("/dev/video3", "v4l2", {}),
    ]
    (small,) = cameras("2", (640, 480), 15, platform="linux")
    assert small.openings[0] == Opening("/dev/video2", "v4l2", {"video_size": "640x480", "framerate": "15"})


def test_linux_cameras_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("video10", "video2", "video0", "videomix", "vbi0"):
        (tmp_path / name).touch()
    assert devices._video_nodes("", tmp_path) == [str(tmp_path / name) for name in ("video0", "video2", "video10")]


def test_a_mac_camera_and_microphone() -> None:
    (camera,) = cameras(platform="darwin")
    assert camera.openings[0] == Opening(
        "default", "avfoundation", {"video_size": "1280x720", "framerate": "30", "pixel_format": "nv12"}
    )
    assert microphones(platform="darwin")[0].openings == [Opening(":default", "avfoundation")]
    assert microphones("USB", platform="darwin")[0].openings == [Opening(":USB", "avfoundation")]


def test_a_windows_camera_and_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        av.device.DeviceInfo("Integrated Camera", "", is_default=True, media_types=["video"]),
        av.device.DeviceInfo("Headset", "", is_default=False, media_types=["audio"]),
    ]
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda format_: {"dshow": listed}[format_])
    (camera,) = cameras(platform="win32")
    assert camera.openings[0] == Opening(
        "video=Integrated Camera", "dshow", {"vcodec": "mjpeg", "video_size": "1280x720", "framerate": "30"}
    )
    (microphone,) = microphones(platform="win32")
    assert microphone.openings == [Opening("audio=Headset", "dshow", {"audio_buffer_size": "20"})]
    assert cameras("nothing like it", platform="win32") == []
    assert len(cameras("integrated", platform="win32")) == 1


def test_linux_microphones_are_the_default_and_then_the_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alsa, "sound_cards", lambda: [0, 2])
    assert [device.name for device in microphones(platform="linux")] == ["default", "plughw:0", "plughw:2"]
    (named,) = microphones("hw:1,0", platform="linux")
    assert named.openings == [Opening("hw:1,0", "alsa", {"sample_rate": "48000", "channels": "2"})]


def test_only_cards_that_record_are_listed(tmp_path: Path) -> None:
    listing = tmp_path / "pcm"
    listing.write_text(
        "00-03: HDMI 0 : HDMI 0 : playback 1\n"
        "01-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1\n"
        "01-02: ALC257 Alt : ALC257 Alt : capture 1\n"
        "12-00: USB Audio : USB Audio : capture 1\n"
    )
    assert alsa.sound_cards(listing) == [1, 12]
    assert alsa.sound_cards(tmp_path / "none") == []


def test_alsa_is_told_where_this_machine_has_its_files(tmp_path: Path) -> None:
    assert alsa.missing_environment({}, tmp_path) == {}
    (tmp_path / "usr/share/alsa").mkdir(parents=True)
    (tmp_path / "usr/share/alsa/alsa.conf").touch()
    (tmp_path / "usr/lib/aarch64-linux-gnu/alsa-lib").mkdir(parents=True)
    wanted = {
        "ALSA_CONFIG_DIR": str(tmp_path / "usr/share/alsa"),
        "ALSA_PLUGIN_DIR": str(tmp_path / "usr/lib/aarch64-linux-gnu/alsa-lib"),
    }
    assert alsa.missing_environment({}, tmp_path) == wanted
    assert alsa.missing_environment({"ALSA_PLUGIN_DIR": "mine"}, tmp_path) == {
        "ALSA_CONFIG_DIR": wanted["ALSA_CONFIG_DIR"]
    }


READ_MICROPHONE = """
import asyncio, sys
from peer.errors import MediaError
from peer.media.devices import microphones
from peer.media.probing import find

try:
    print(asyncio.run(find(microphones(sys.argv[1]))).label)
except MediaError as error:
    print(error)
"""


def read_microphone(name: str, **environment: str) -> tuple[str, str]:
    """Through the real ALSA, in a process of its own: what comes out on its two outputs."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ALSA")}
    result = subprocess.run(
        [sys.executable, "-c", READ_MICROPHONE, name],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout.strip(), result.stderr


def test_alsa_works_out_of_the_box() -> None:
    assert read_microphone("null") == ("microphone null", "")


def test_a_missing_card_is_one_line_and_alsa_is_quiet_about_it() -> None:
    assert read_microphone("hw:31") == ("microphone hw:31 can't be opened (is there a sound card?)", "")


def test_the_users_own_configuration_is_kept(tmp_path: Path) -> None:
    (tmp_path / "alsa.conf").write_text("pcm.mine { type null }\n")
    assert read_microphone("mine", ALSA_CONFIG_DIR=str(tmp_path)) == ("microphone mine", "")


@pytest.mark.parametrize(
    ("number", "kind", "meaning"),
    [
        (13, "video", "may not be opened (add this user to the group video)"),
        (13, "audio", "may not be opened (add this user to the group audio)"),
        (16, "video", "is in use (close the program that uses it)"),
        (19, "video", "is not there (is it plugged in?)"),
        (5, "video", "fails: input/output error"),
        (5, "audio", "can't be opened (is there a sound card?)"),
    ],
)
def test_errors_of_drivers_are_explained(number: int, kind: str, meaning: str) -> None:
    assert explained(OSError(number, os.strerror(number)), kind) == meaning
