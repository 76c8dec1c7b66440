"""What is passed to PyAV for a camera or microphone, on each platform; and ALSA, which needs help to work at all."""

import os
import subprocess
import sys
from pathlib import Path

import av.device
import pytest

from peer.media.listing import list_devices
from peer.media.sound_cards import alsa, cards
from peer.media.sources.devices import v4l2
from peer.media.sources.devices.devices import Opening, cameras, microphones, v4l2_ways
from peer.media.sources.devices.modes import Mode
from peer.media.sources.devices.probing import explained


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


YUYV, MJPG = "yuyv422", "mjpeg"


@pytest.mark.parametrize(
    ("size", "fps", "best"),
    [
        (None, None, {"input_format": MJPG, "video_size": "1280x720", "framerate": "30"}),
        ((1280, 720), 10, {"input_format": YUYV, "video_size": "1280x720", "framerate": "10"}),
        ((640, 480), None, {"input_format": YUYV, "video_size": "640x480", "framerate": "30"}),
        ((640, 480), 12, {"input_format": YUYV, "video_size": "640x480", "framerate": "15"}),
        ((1920, 1080), 60, {"input_format": MJPG, "video_size": "1920x1080", "framerate": "30"}),
        ((700, 500), None, {"input_format": YUYV, "video_size": "640x480", "framerate": "30"}),
    ],
)
def test_a_camera_that_tells_what_it_can_do_is_asked_for_the_best_of_it(
    size: tuple[int, int] | None, fps: float | None, best: dict[str, str]
) -> None:
    modes = [
        Mode(YUYV, (640, 480), (15.0, 30.0)),
        Mode(YUYV, (1280, 720), (10.0,)),
        Mode(MJPG, (640, 480), (30.0,)),
        Mode(MJPG, (1280, 720), (15.0, 30.0)),
        Mode(MJPG, (1920, 1080), (30.0,)),
        Mode("RG10", (1280, 720), (60.0,)),  # nobody can decode it
    ]
    assert v4l2_ways(modes, size, fps)[0] == best


def test_an_old_camera_gives_a_smaller_picture_rather_than_a_slow_one() -> None:
    modes = [Mode(YUYV, (1280, 720), (5.0,)), Mode(YUYV, (640, 480), (30.0,))]
    assert v4l2_ways(modes, None, None)[0]["video_size"] == "640x480"
    assert v4l2_ways(modes, (1280, 720), None)[0]["video_size"] == "1280x720"


def test_the_questions_to_a_driver_have_the_kernels_numbers() -> None:
    """They hold the sizes of the structures."""
    assert (v4l2.QUERY_CAPABILITY, v4l2.ENUMERATE_FORMATS) == (0x8068_5600, 0xC040_5602)
    assert (v4l2.ENUMERATE_SIZES, v4l2.ENUMERATE_INTERVALS) == (0xC02C_564A, 0xC034_564B)


def test_only_files_of_cameras_are_listed(tmp_path: Path) -> None:
    for name in ("video10", "video2", "videomix", "vbi0"):
        (tmp_path / name).touch()  # files, but not of devices
    assert v4l2.nodes(tmp_path) == []


def test_a_camera_that_moved_is_known_by_its_name_and_rather_in_its_old_place(monkeypatch: pytest.MonkeyPatch) -> None:
    old = v4l2.Node("/dev/video0", "Cam", "usb-1")
    moved, other = v4l2.Node("/dev/video3", "Cam", "usb-2"), v4l2.Node("/dev/video1", "Other", "usb-1")
    for there, found in (([other, moved], moved), ([moved, old], old), ([other], None)):
        monkeypatch.setattr(v4l2, "nodes", lambda root, there=there: there)
        assert v4l2.again(old) == found


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


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """What Linux tells of a laptop with a headset: one HDMI output, two microphones of one card, one of another."""
    (tmp_path / "pcm").write_text(
        "00-03: HDMI 0 : HDMI 0 : playback 1\n"
        "01-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1\n"
        "01-02: ALC257 Alt : ALC257 Alt : capture 1\n"
        "12-00: USB Audio : USB Audio : capture 1\n"
    )
    for card, name in ((0, "HDMI"), (1, "PCH"), (12, "Headset")):
        (tmp_path / f"card{card}").mkdir()
        (tmp_path / f"card{card}" / "id").write_text(f"{name}\n")
    return tmp_path


def test_sound_cards_have_names_that_last(proc: Path) -> None:
    found = cards.pcms(proc)
    assert [pcm.alsa for pcm in found if pcm.records] == [
        "plughw:CARD=PCH,DEV=0",
        "plughw:CARD=PCH,DEV=2",
        "plughw:CARD=Headset,DEV=0",
    ]
    assert [pcm.alsa for pcm in found if pcm.plays] == ["plughw:CARD=HDMI,DEV=3", "plughw:CARD=PCH,DEV=0"]
    assert cards.pcms(proc / "none") == []


@pytest.mark.parametrize(
    ("name", "alsa_name"),
    [
        ("headset", "plughw:CARD=Headset,DEV=0"),
        ("PCH,2", "plughw:CARD=PCH,DEV=2"),
        ("1", "plughw:CARD=PCH,DEV=0"),
        ("1,2", "plughw:CARD=PCH,DEV=2"),
        ("7,1", "plughw:7,1"),
        ("hw:1,0", "hw:1,0"),
        ("default", "default"),
        ("mine", "mine"),
    ],
)
def test_a_microphone_can_be_called_by_its_card(proc: Path, name: str, alsa_name: str) -> None:
    assert cards.find(name, [pcm for pcm in cards.pcms(proc) if pcm.records]) == alsa_name


def test_linux_microphones_are_the_default_and_then_the_cards(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cards.pcms(proc)
    monkeypatch.setattr(cards, "pcms", lambda: found)
    assert [device.name for device in microphones(platform="linux")] == [
        *("default", "plughw:CARD=PCH,DEV=0", "plughw:CARD=PCH,DEV=2", "plughw:CARD=Headset,DEV=0"),
    ]
    (named,) = microphones("hw:1,0", platform="linux")
    assert named.openings == [Opening("hw:1,0", "alsa", {"sample_rate": "48000", "channels": "2"})]
    assert [(entry.value, entry.aliases) for entry in list_devices("linux") if entry.kind == "microphone"] == [
        ("mic:default", ["mic"]),
        ("mic:PCH", ["mic:plughw:CARD=PCH,DEV=0"]),
        ("mic:PCH,2", ["mic:plughw:CARD=PCH,DEV=2"]),
        ("mic:Headset", ["mic:plughw:CARD=Headset,DEV=0"]),
    ]


@pytest.mark.parametrize(
    ("platform", "format_", "listed", "values"),
    [
        (
            "darwin",
            "avfoundation",  # PyAV gives numbers as names here
            [("0", "FaceTime HD Camera", "video"), ("1", "Capture screen 0", "video"), ("0", "MacBook Mic", "audio")],
            [("camera:FaceTime HD Camera", ["camera:0"]), ("mic:MacBook Mic", ["mic:0"])],
        ),
        (
            "win32",
            "dshow",
            [("@device_pnp_1", "Integrated Camera", "video"), ("@device_cm_2", "Headset", "audio")],
            [("camera:Integrated Camera", []), ("mic:Headset", [])],
        ),
    ],
)
def test_devices_of_other_platforms_are_listed_by_names_that_open_them(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    format_: str,
    listed: list[tuple[str, str, str]],
    values: list[tuple[str, list[str]]],
) -> None:
    infos = [av.device.DeviceInfo(name, text, is_default=False, media_types=[kind]) for name, text, kind in listed]
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda asked: {format_: infos}[asked])
    listed_all = list_devices(platform)
    assert [entry.value for entry in listed_all if entry.kind == "screen"] == ["screen"]
    entries = [entry for entry in listed_all if entry.kind in ("camera", "microphone")]
    assert [(entry.value, entry.aliases) for entry in entries] == values
    for entry in entries:
        open_ = cameras if entry.kind == "camera" else microphones
        (device,) = open_(entry.value.partition(":")[2], platform=platform)
        file = device.openings[0].file
        prefix, described = file.rpartition("=" if platform == "win32" else ":")[0], file
        assert prefix in ("", "video", "audio")
        assert entry.description in described or any(info.name in described for info in infos)


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
from peer.media.sources.devices.devices import microphones
from peer.media.sources.devices.probing import find

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
