"""A peer and the page in Chromium: each gets what the other sends, whoever offers, and whoever comes first."""

import asyncio
from pathlib import Path

import pytest

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import OpenCallPage
from tests.browser.media import Recorded, assert_test_media
from tests.browser.peers import SMALL, TIMEOUT, PeerProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}


async def assert_content(page: CallPage, peer: PeerProcess, recording: Path, codec: str = "VP8") -> None:
    """Both get the other's picture and sound: seen in the page, and in the file of the peer that is interrupted."""
    await page.connected()
    assert (await peer.event("connected"))["codecs"] == {"audio": "opus", "video": codec}
    await assert_test_media(page.tab.evaluate)
    await asyncio.to_thread(peer.interrupt)
    await asyncio.to_thread(lambda: Recorded.of(recording).assert_is_chromium())


def offers(page: CallPage) -> int:
    """How many offers the page got, repetitions included."""
    return sum(message["type"] == "offer" for message in page.received)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_page_starts_first(
    role: str, relay: Relay, call_page: OpenCallPage, start_peer: StartPeer, tmp_path: Path
) -> None:
    page = await call_page(relay.page_url, role=OTHER[role], start=True)
    await page.until(phase="waiting-started")
    peer = start_peer(relay.url, "--role", role, "--record", str(tmp_path / "call.mp4"))
    assert (await peer.event("joined"))["role"] == role
    await assert_content(page, peer, tmp_path / "call.mp4")


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_peer_starts_first(
    role: str, relay: Relay, call_page: OpenCallPage, start_peer: StartPeer, tmp_path: Path
) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL, "--record", str(tmp_path / "call.webm"))
    await peer.event("waiting")
    page = await call_page(relay.page_url, role=OTHER[role], start=True)
    await assert_content(page, peer, tmp_path / "call.webm")


async def test_page_joins_early_and_starts_five_seconds_after_the_offer(
    relay: Relay, call_page: OpenCallPage, start_peer: StartPeer, tmp_path: Path
) -> None:
    page = await call_page(relay.page_url, role="answerer")
    await page.until(phase="waiting")
    peer = start_peer(relay.url, *SMALL, "--record", str(tmp_path / "call.mp4"))
    async with asyncio.timeout(TIMEOUT):
        while not offers(page):
            await page.tab.wait_for_timeout(20)
    await page.tab.wait_for_timeout(5000)
    assert offers(page) > 1
    assert not peer.seen("connected")
    await page.press("start")
    await assert_content(page, peer, tmp_path / "call.mp4")


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_h264(role: str, relay: Relay, call_page: OpenCallPage, start_peer: StartPeer, tmp_path: Path) -> None:
    options = ["--role", role, "--video-codec", "h264", *SMALL, "--record", str(tmp_path / "call.mp4")]
    peer = start_peer(relay.url, *options)
    page = await call_page(relay.page_url, role=OTHER[role], start=True)
    await assert_content(page, peer, tmp_path / "call.mp4", codec="H264")
