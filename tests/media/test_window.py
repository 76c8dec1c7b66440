"""The window shows what is sent: looked at with screenshots of a real X display."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from typing import ClassVar

import av
import numpy as np
import pytest
from noting import Notes

from peer.errors import MediaError
from peer.events import Statistics, StreamSummary
from peer.media.base.pictures import planes, to_yuv420p
from peer.media.sinks.opening import SinkRequest, open_sinks
from peer.media.sinks.window.window import Window, check_display, figures_text
from peer.media.sources.drawn.testpattern import TestPicture, TestReading, read_test_picture

VIDEO = frozenset({"video"})


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of its own, under a number that it chooses."""
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1600x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as numbers:
        name = f":{numbers.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


@pytest.fixture
def on_display(display: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISPLAY", display)
    return display


@pytest.fixture
async def window(on_display: str, notes: Notes) -> AsyncIterator[Window]:
    (sink,) = await open_sinks(SinkRequest(display=True), notes.append)
    assert isinstance(sink, Window)
    yield sink
    await sink.close()


def screenshot(display: str) -> np.ndarray:
    """The Y plane of what is on the display."""
    with av.open(display, format="x11grab", options={"video_size": "1600x900", "draw_mouse": "0"}) as screen:
        return planes(to_yuv420p(next(screen.decode(video=0))))[0].copy()


def read_shown(screen: np.ndarray, size: tuple[int, int]) -> TestReading | None:
    """Read a picture of this size where the window shows it: without a window manager, in the corner."""
    scale = min(960 / size[0], 540 / size[1])
    return read_test_picture(screen[: round(size[1] * scale), : round(size[0] * scale)])


def xdotool(display: str, *arguments: str) -> str:
    result = subprocess.run(
        ["xdotool", *arguments], env=os.environ | {"DISPLAY": display}, capture_output=True, text=True, check=False
    )
    return result.stdout.strip()


async def show_until(window: Window, size: tuple[int, int], display: str) -> int:
    """Show test pictures until one is seen on the display, and return the counter that is read from it."""
    picture = TestPicture(*size)
    for counter in range(1000):
        window.on_video(picture.draw(counter, counter / 30))
        await asyncio.sleep(1 / 30)
        if counter % 10 == 9:
            screen = await asyncio.to_thread(screenshot, display)
            if reading := read_shown(screen, size):
                return reading.counter
    raise AssertionError("nothing was shown")


async def go_on_until_closed(window: Window, notes: Notes, act: Callable[[], object]) -> None:
    """Do what a user does to close the window, again if need be, while the call goes on, until the window notices."""
    picture = TestPicture(64, 64).draw(0, 0)
    async with asyncio.timeout(30):
        while not notes:
            await asyncio.to_thread(act)
            for _ in range(20):
                window.on_video(picture)
                await asyncio.sleep(1 / 30)


async def test_what_is_sent_is_seen_and_the_title_tells_the_state(
    window: Window, on_display: str, notes: Notes
) -> None:
    window.begin_call(VIDEO)
    await show_until(window, (640, 480), on_display)
    async with asyncio.timeout(20):
        await asyncio.to_thread(xdotool, on_display, "search", "--sync", "--name", "^peer: in a call$")
    window.end_call()
    async with asyncio.timeout(20):
        await asyncio.to_thread(xdotool, on_display, "search", "--sync", "--name", "^peer: waiting for a partner$")
    await window.close()
    await window.close()
    assert notes == []
    assert screenshot(on_display).max() <= 16  # an empty display


async def test_the_picture_may_change_its_size(window: Window, on_display: str, notes: Notes) -> None:
    await show_until(window, (640, 360), on_display)
    big = TestPicture(1280, 720)
    async with asyncio.timeout(20):
        while True:
            window.on_video(big.draw(4321, 0))
            await asyncio.sleep(1 / 30)
            reading = read_shown(await asyncio.to_thread(screenshot, on_display), (1280, 720))
            if reading and reading.counter == 4321:
                break
    await window.close()


@pytest.mark.parametrize("key", ["q", "Escape"])
async def test_a_key_closes_the_window_and_the_call_goes_on(
    key: str, window: Window, on_display: str, notes: Notes
) -> None:
    await show_until(window, (640, 480), on_display)
    await go_on_until_closed(
        window, notes, lambda: xdotool(on_display, "search", "--name", "^peer", "windowfocus", "key", key)
    )
    window.on_video(TestPicture(64, 64).draw(0, 0))
    window.begin_call(VIDEO)
    await window.close()
    assert notes == ["the window was closed; the call goes on"]


FIGURES = Statistics(
    seconds=61.0,
    sent=StreamSummary(video_frames=1800, width=640, height=480, audio_frames=3050, kbits_per_second=1500),
    received=StreamSummary(video_frames=1830, width=640, height=480, audio_frames=3050, kbits_per_second=2500),
    packets_lost=7,
    round_trip=0.012,
)


def test_the_figures_in_words() -> None:
    assert figures_text(FIGURES).splitlines() == [
        "61 s",
        "picture 640x480, 30.0/s",
        "received 2500 kbit/s, sent 1500 kbit/s",
        "7 packets lost",
        "round trip 12 ms",
    ]


async def press_until(window: Window, display: str, key: str, happened: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Press a key, again if the window was not ready for it, until the screen shows what it does."""
    picture = av.VideoFrame.from_ndarray(np.full((720, 640), 128, np.uint8), format="yuv420p")
    async with asyncio.timeout(60):
        while True:
            await asyncio.to_thread(xdotool, display, "search", "--name", "^peer", "windowfocus", "key", key)
            for _ in range(20):
                window.on_video(picture)
                await asyncio.sleep(1 / 30)
            screen = await asyncio.to_thread(screenshot, display)
            if happened(screen):
                return screen


async def test_a_key_shows_state_and_figures_and_hides_them(window: Window, on_display: str, notes: Notes) -> None:
    window.begin_call(VIDEO)
    window.on_figures(FIGURES)
    await show_until(window, (640, 480), on_display)

    def has_text(screen: np.ndarray) -> bool:
        corner = screen[380:540, :300]
        return (corner > 200).sum() > 200 and np.median(corner) < 60

    screen = await press_until(window, on_display, "i", has_text)
    assert abs(int(np.median(screen[:200, :700])) - 128) < 20  # the rest of the picture stays
    await press_until(window, on_display, "i", lambda screen: not has_text(screen))
    assert notes == []


@pytest.fixture
def window_manager(on_display: str) -> Iterator[None]:
    """It is what fills the screen with a window, and gives it back."""
    manager = subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL)
    yield
    manager.terminate()
    manager.wait()


async def test_a_key_fills_the_screen_and_gives_it_back(
    window_manager: None, window: Window, on_display: str, notes: Notes
) -> None:
    def fills(screen: np.ndarray) -> bool:
        return bool((screen > 40).mean() > 0.5)  # the window takes a quarter of it

    async def becomes(full: bool) -> bool:
        """Whether it does, in five seconds of pictures."""
        picture = TestPicture(640, 480)
        for number in range(150):
            window.on_video(picture.draw(number, number / 30))
            await asyncio.sleep(1 / 30)
            if number % 15 == 14 and fills(await asyncio.to_thread(screenshot, on_display)) is full:
                return True
        return False

    assert await becomes(False)
    async with asyncio.timeout(60):
        for full in (True, False):
            while not await becomes(full):
                await asyncio.to_thread(xdotool, on_display, "search", "--name", "^peer", "windowfocus", "key", "f")
    assert notes == []


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, padded to the size of XEvent."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    ]


def press_close_button(display: str, window: int) -> None:
    """Send what a window manager sends (ICCCM 4.2.8.1)."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = connection_type = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = connection_type(x11.XOpenDisplay(display.encode()))
    protocols, delete = (x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    message = ClientMessage(type=33, window=window, message_type=protocols, format=32)
    message.data[0] = delete
    x11.XSendEvent(connection, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(connection)


async def test_the_close_button_closes_the_window(window: Window, on_display: str, notes: Notes) -> None:
    await show_until(window, (640, 480), on_display)
    number = int(xdotool(on_display, "search", "--sync", "--name", "^peer").split()[-1])
    press_close_button(on_display, number)
    await go_on_until_closed(window, notes, lambda: None)
    await window.close()
    assert notes == ["the window was closed; the call goes on"]


async def test_a_display_that_is_gone_is_one_line_and_the_call_goes_on(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":4242")
    window = Window(notify=notes.append)
    await go_on_until_closed(window, notes, lambda: None)
    await window.close()
    assert notes == [
        "the window can't be shown (qt.qpa.xcb: could not connect to display :4242); the call goes on without it"
    ]


async def test_a_viewer_that_hangs_does_not_hold_up_the_end(window: Window, on_display: str, notes: Notes) -> None:
    await show_until(window, (640, 480), on_display)
    assert window._viewer
    window._viewer.send_signal(signal.SIGSTOP)
    for counter in range(10):
        window.on_video(TestPicture(1280, 720).draw(counter, 0))
        await asyncio.sleep(0.01)
    await window.close()
    assert window._viewer.poll() is not None


async def test_without_a_display_it_is_refused_before_anything_is_started(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MediaError) as caught:
        Window(notify=notes.append)
    assert str(caught.value) == (
        "can't show a window: there is no display (DISPLAY is not set); try --record instead of --display"
    )
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(MediaError, match="there is only a Wayland display without X"):
        Window(notify=notes.append)


def test_other_platforms_have_a_display_without_the_variable() -> None:
    check_display({}, "darwin")
    check_display({}, "win32")
