"""A peer and the page in Firefox: each gets what the other sends, whoever offers."""

import asyncio
from pathlib import Path

import pytest

from signaling.relay import Relay
from tests.browser.firefox import Firefox, firefox_fixture  # noqa: F401 - the fixture `firefox`
from tests.browser.media import Recorded, assert_test_media, pictures
from tests.browser.peers import SMALL, StartPeer, start_peer_fixture  # noqa: F401 - a fixture
from tests.browser.tabs import FirefoxTab, start_call

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_content(role: str, relay: Relay, firefox: Firefox, start_peer: StartPeer, tmp_path: Path) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL, "--record", str(tmp_path / "call.mp4"))
    tab = FirefoxTab(firefox)
    await start_call(tab, relay.page_url, role=OTHER[role])
    assert (await peer.event("connected"))["codecs"] == {"audio": "opus", "video": "VP8"}
    await tab.until("[data-connection=connected]")
    await assert_test_media(tab.run)
    await asyncio.to_thread(peer.interrupt)
    await asyncio.to_thread(lambda: Recorded.of(tmp_path / "call.mp4").assert_is_firefox())


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_reloads(role: str, relay: Relay, firefox: Firefox, start_peer: StartPeer) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL)
    tab = FirefoxTab(firefox)
    await start_call(tab, relay.page_url, role=OTHER[role])
    for _ in range(3):
        await peer.event("connected")
        await tab.until("[data-connection=connected]")
        await pictures(tab.run, 20)
        await asyncio.to_thread(firefox.reload)
        ended = await peer.event("call-ended")
        assert ended["received"]["video_frames"] > 0
    await peer.event("connected")
    await pictures(tab.run, 20)


async def test_is_killed(relay: Relay, firefox: Firefox, start_peer: StartPeer, tmp_path: Path) -> None:
    """And another takes its place."""
    peer = start_peer(relay.url, *SMALL)
    await start_call(FirefoxTab(firefox), relay.page_url, role="answerer")
    await peer.event("connected")
    await asyncio.to_thread(firefox.kill)
    await peer.event("waiting")
    with Firefox(tmp_path / "another") as another:
        tab = FirefoxTab(another)
        await start_call(tab, relay.page_url, role="answerer")
        await peer.event("connected")
        await pictures(tab.run, 20)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_has_no_h264(role: str, relay: Relay, firefox: Firefox, start_peer: StartPeer) -> None:
    """Debian's Firefox comes without it: a peer that insists on it has a call with sound alone, and says so."""
    peer = start_peer(relay.url, "--role", role, "--video-codec", "h264")
    await start_call(FirefoxTab(firefox), relay.page_url, role=OTHER[role])
    assert (await peer.event("connected"))["codecs"] == {"audio": "opus"}
    assert "no video codec in common" in (await peer.event("notice"))["message"]
    await asyncio.to_thread(peer.interrupt)
