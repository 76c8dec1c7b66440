"""The screen in a real call: what a window shows is read at the far end."""

import asyncio
import os
import sys

from peer import Peer
from peer.media.base.pictures import planes
from peer.media.sources.drawn.testpattern import read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.media.displays import shown_window, x_server
from tests.network.processes import Process
from tests.peer.content import PATIENCE
from tests.peer.test_cli_errors import assert_fails, run

WINDOW, PLACE = (400, 300), (100, 50)


async def test_the_partner_sees_what_a_part_of_the_screen_shows() -> None:
    region = "{}x{}+{}+{}".format(*WINDOW, *PLACE)
    with x_server("800x600") as display, shown_window(display, WINDOW, PLACE):
        async with (
            Relay(RelayConfig(port=0)) as relay,
            Peer(role="answerer", signaling=relay.url, video="none", audio="none") as partner,
        ):
            options = ("--signaling", relay.url, "--video", f"screen:{region}", "--audio", "none")
            environment = os.environ | {"DISPLAY": display, "WAYLAND_DISPLAY": ""}
            with Process([sys.executable, "-m", "peer", *options], env=environment) as sender:
                counters = await seen(partner, 15)
                assert f"sending video: screen {display} {region} 30 fps" in "\n".join(sender.stdout)
    assert counters == sorted(counters)
    assert counters[-1] - counters[0] < 100  # those seen are of now


async def seen(partner: Peer, count: int) -> list[int]:
    """The counters of so many different pictures."""
    counters: dict[int, None] = {}
    async with asyncio.timeout(PATIENCE):
        async for frame in partner.video_frames():
            if reading := read_test_picture(planes(frame)[0]):
                counters[reading.counter] = None
            if len(counters) == count:
                break
    return list(counters)


def test_what_cannot_be_captured_ends_the_command() -> None:
    assert_fails(run("--video", "screen", DISPLAY="", WAYLAND_DISPLAY=""), 1, "DISPLAY is not set")
    assert_fails(run("--video", "screen", DISPLAY="", WAYLAND_DISPLAY="wayland-0"), 1, "xwayland")
    assert_fails(run("--video", "screen::98765"), 1, ":98765")
    with x_server("640x480") as display:
        assert_fails(run("--video", f"screen:{display},700x480+0+0"), 2, "640x480")
