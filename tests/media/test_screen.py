"""The screen as a source: captured from a real X server, and what is passed to PyAV on each platform."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from displays import shown_window, x_server
from noting import Notes
from playing import counters

from peer.errors import MediaError, UsageError
from peer.media.base.source import SourceRequest
from peer.media.sources.devices.devices import Opening
from peer.media.sources.opening import open_sources
from peer.media.sources.screen import (
    Region,
    Screen,
    ScreenWish,
    find_screen,
    parse_screen,
    part_of_screen,
    screens,
    whole_screen,
)

WINDOW, PLACE = (400, 300), (101, 50)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Both sides odd, with a counting picture on it."""
    with x_server("801x603") as name, shown_window(name, WINDOW, PLACE):
        yield name


async def captured(video: str, count: int, notes: Notes, **request: object) -> tuple[str, list[av.VideoFrame]]:
    settings = SourceRequest(video, "none", **request)  # type: ignore[arg-type]
    (source,) = await open_sources(settings, notes.append)
    (track,) = source.open_tracks()
    frames = [await track.recv() for _ in range(count)]
    await source.close()
    return source.label, [frame for frame in frames if isinstance(frame, av.VideoFrame)]


async def test_a_region_shows_what_is_there_now(display: str, notes: Notes) -> None:
    label, frames = await captured(f"screen:{display},400x300+101+50", 40, notes)
    assert label == f"screen {display} 400x300+101+50 30 fps"
    assert {(frame.width, frame.height, frame.format.name) for frame in frames} == {(400, 300, "yuv420p")}
    seen = counters([(frame.time or 0, frame) for frame in frames])
    assert len(seen) > 30
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    assert notes == []


async def test_a_whole_screen_with_odd_sides_is_cut_not_blurred(
    display: str, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    label, frames = await captured("screen", 3, notes, fps=10.0)
    assert label == f"screen {display} 801x603 10 fps"
    assert {(frame.width, frame.height) for frame in frames} == {(800, 602)}
    luma = np.asarray(frames[-1].to_ndarray(format="gray8"))
    left, top = PLACE
    column = luma[top : top + WINDOW[1], left - 1 : left + 1].astype(int)
    assert np.ptp(column[:, 0]) == 0  # the bare screen up to the window's border, without a trace of it
    assert notes == []


async def test_a_large_screen_is_sent_smaller_in_its_shape(display: str, notes: Notes) -> None:
    _, frames = await captured(f"screen:{display}", 2, notes, size=(320, 320))
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}


async def test_screens_are_listed(display: str, tmp_path: Path) -> None:
    size = (801, 603)
    (tmp_path / f"X{display[1:]}").touch()
    (tmp_path / "X99999").touch()  # a server that is gone
    listed = await asyncio.to_thread(screens, "linux", {"DISPLAY": display}, tmp_path)
    assert listed == [Screen("screen", size)]
    assert listed[0].label == "801x603"
    assert await asyncio.to_thread(screens, "linux", {}, tmp_path) == [Screen(f"screen:{display}", size)]
    assert Screen(f"screen:{display}", size) in await asyncio.to_thread(screens, "linux", {})
    assert screens("win32") == [Screen("screen")]


@pytest.mark.parametrize(
    ("wanted", "wish"),
    [
        ("screen", ScreenWish()),
        ("screen:1280x720+100+50", ScreenWish("", Region(1280, 720, 100, 50))),
        ("screen:640x480", ScreenWish("", Region(640, 480))),
        ("screen::99", ScreenWish(":99")),
        ("screen:1", ScreenWish("1")),
        ("screen:localhost:10.0", ScreenWish("localhost:10.0")),
        ("screen::99.1,640x480+0+0", ScreenWish(":99.1", Region(640, 480))),
    ],
)
def test_what_can_be_asked_for(wanted: str, wish: ScreenWish) -> None:
    assert parse_screen(wanted) == wish


@pytest.mark.parametrize(
    "wanted",
    ["screen:", "screen:big", "screen:640x480+1", "screen:1x1", "screen::0,", "screen:64x64+0+0,:0"],
)
def test_what_makes_no_sense_is_a_usage_error(wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_screen(wanted)
    assert repr(wanted) in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "display", "whole", "region"),
    [
        (
            "linux",
            ":5",
            Opening(":5", "x11grab", {"framerate": "25"}),
            {"video_size": "640x480", "grab_x": "7", "grab_y": "9", "framerate": "25"},
        ),
        ("linux", "5", Opening(":5", "x11grab", {"framerate": "25"}), None),
        ("linux", "", Opening(":3.0", "x11grab", {"framerate": "25"}), None),
        (
            "win32",
            "",
            Opening("desktop", "gdigrab", {"framerate": "25"}),
            {"video_size": "640x480", "offset_x": "7", "offset_y": "9", "framerate": "25"},
        ),
        (
            "darwin",
            "",
            Opening("Capture screen 0:none", "avfoundation", {"framerate": "25", "capture_cursor": "1"}),
            {"framerate": "25", "capture_cursor": "1"},
        ),
        (
            "darwin",
            "1",
            Opening("Capture screen 1:none", "avfoundation", {"framerate": "25", "capture_cursor": "1"}),
            None,
        ),
    ],
)
def test_what_is_passed_to_pyav(platform: str, display: str, whole: Opening, region: dict[str, str] | None) -> None:
    opening = whole_screen(display, 25, platform, {"DISPLAY": ":3.0"})
    assert opening == whole
    if region is not None:
        assert part_of_screen(opening, Region(641, 480, 7, 9), platform).options == region


@pytest.mark.parametrize(
    ("wanted", "platform", "environment", "error", "words"),
    [
        ("screen", "linux", {}, MediaError, ["DISPLAY is not set", "screen::0"]),
        ("screen", "linux", {"WAYLAND_DISPLAY": "wayland-0"}, MediaError, ["Wayland", "xwayland", "Xorg"]),
        ("screen::98765", "linux", {}, MediaError, ["the X display :98765 can't be captured", "xhost"]),
        ("screen:1", "win32", {}, UsageError, ["on Windows all monitors are one screen"]),
        ("screen:64x64+0+0", "darwin", {}, UsageError, ["macOS captures whole screens only"]),
        ("screen:900x64+0+0", "linux", None, UsageError, ["not on the screen, which is 801x603"]),
    ],
)
async def test_what_cannot_be_captured_is_one_line(
    wanted: str,
    platform: str,
    environment: dict[str, str] | None,
    error: type[Exception],
    words: list[str],
    display: str,
    notes: Notes,
) -> None:
    environment = {"DISPLAY": display} if environment is None else environment
    with pytest.raises(error) as caught:
        await find_screen(wanted, SourceRequest(), notes.append, platform, environment)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


async def test_a_wayland_session_shows_only_windows_of_x_programs(display: str, notes: Notes) -> None:
    environment = {"DISPLAY": display, "WAYLAND_DISPLAY": "wayland-0"}
    found = await find_screen("screen", SourceRequest(), notes.append, "linux", environment)
    assert found.label == f"screen {display} 801x603 30 fps"
    (note,) = notes
    assert "Wayland" in note


async def test_a_screen_has_no_sound(notes: Notes) -> None:
    with pytest.raises(UsageError, match="a screen has no sound"):
        await open_sources(SourceRequest("none", "screen"), notes.append)


async def test_a_screen_that_goes_is_taken_back_when_it_returns(notes: Notes) -> None:
    with x_server("640x480") as name:
        (source,) = await open_sources(SourceRequest(f"screen:{name}", "none"), notes.append)
        (track,) = source.open_tracks()
        await track.recv()
    await notes.wait(1)
    assert notes[0].startswith(f"screen {name} ")
    assert notes[0].endswith("The call goes on without it until it is back")
    command = ["Xvfb", name, "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    again = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL, env=dict(os.environ))
    await notes.wait(2)
    assert notes[1] == f"screen {name} is back"
    await source.close()
    again.terminate()
    await again.wait()
