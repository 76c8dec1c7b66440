"""A page that knows only the fixed half of the protocol (foreign/page.js), and a peer, over the project's relay."""

import asyncio
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from signaling.relay import Relay
from tests.browser.conftest import LaunchChromium
from tests.browser.media import Recorded, assert_test_media, pictures
from tests.browser.peers import SMALL, TIMEOUT, PeerProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture
from tests.browser.sites import site

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}
FOREIGN = Path(__file__).parent / "foreign"


@pytest.fixture(name="site")
def site_fixture() -> Iterator[str]:
    """The foreign page's address, on a server of its own."""
    with site(FOREIGN) as port:
        yield f"http://localhost:{port}/page.html"


class ForeignPage:
    """A tab with the foreign page."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab

    @classmethod
    async def open(cls, chromium: LaunchChromium, site: str, relay: str, **parameters: str) -> "ForeignPage":
        page = cls(await (await chromium()).new_page())
        page.tab.set_default_timeout(TIMEOUT * 1000)
        await page.tab.goto(f"{site}?{urllib.parse.urlencode({'relay': relay, **parameters})}")
        await page.until("[data-socket=open]")
        return page

    async def until(self, condition: str) -> None:
        """Wait for something about the page's root element, as a selector."""
        await self.tab.locator(f":root{condition}").wait_for(state="attached")

    async def join(self, role: str) -> None:
        await self.tab.locator(f"#{role}").click()
        await self.until("[data-room]")

    async def start(self) -> None:
        await self.tab.locator("#start").click()
        await self.until("[data-started]")

    async def fact(self, name: str) -> str | None:
        return await self.tab.locator(":root").get_attribute(f"data-{name}")

    async def assert_call(self, peer: PeerProcess, recording: Path) -> None:
        """Both get the other's picture and sound."""
        await peer.event("connected")
        await self.until("[data-connection=connected]")
        await assert_test_media(self.tab.evaluate)
        await asyncio.to_thread(peer.interrupt)
        await asyncio.to_thread(lambda: Recorded.of(recording).assert_is_chromium())
        await self.until("[data-partner=left]")


@pytest.mark.parametrize(
    ("role", "end"), [("offerer", "none"), ("offerer", "empty"), ("answerer", "none"), ("answerer", "null")]
)
async def test_page_starts_when_both_are_there(
    role: str,
    end: str,
    relay: Relay,
    chromium: LaunchChromium,
    site: str,
    start_peer: StartPeer,
    tmp_path: Path,
) -> None:
    """The page goes first, so roles are as asked. What it drops before its start, the peer sends again."""
    page = await ForeignPage.open(chromium, site, relay.url, end=end)
    await page.join(OTHER[role])
    peer = start_peer(relay.url, "--role", role, *SMALL, "--record", str(tmp_path / "call.mp4"))
    await peer.event("partner-ready")
    if role == "offerer":
        await page.until("[data-dropped]")
    await page.start()
    await page.assert_call(peer, tmp_path / "call.mp4")
    assert await page.fact("role") == OTHER[role]
    assert bool(await page.fact("dropped")) == (role == "offerer")
    if end != "none":
        assert await page.fact("gathered") == "all"


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_page_is_started_before_the_peer_comes(
    role: str, relay: Relay, chromium: LaunchChromium, site: str, start_peer: StartPeer, tmp_path: Path
) -> None:
    page = await ForeignPage.open(chromium, site, relay.url)
    await page.join(OTHER[role])
    await page.start()
    peer = start_peer(relay.url, "--role", role, *SMALL, "--record", str(tmp_path / "call.mp4"))
    await page.assert_call(peer, tmp_path / "call.mp4")
    assert await page.fact("dropped") is None


@pytest.mark.parametrize("end", ["none", "null"])
async def test_page_offers_before_anybody_is_there(
    end: str, relay: Relay, chromium: LaunchChromium, site: str, start_peer: StartPeer, tmp_path: Path
) -> None:
    """It never offers again: the relay has to keep the offer, with its candidates."""
    page = await ForeignPage.open(chromium, site, relay.url, offer="start", end=end)
    await page.join("offerer")
    await page.start()
    await page.until("[data-gathered]")
    peer = start_peer(relay.url, "--role", "answerer", *SMALL, "--record", str(tmp_path / "call.mp4"))
    await page.assert_call(peer, tmp_path / "call.mp4")


async def test_roles_collide_and_page_obeys(
    relay: Relay, chromium: LaunchChromium, site: str, start_peer: StartPeer, tmp_path: Path
) -> None:
    peer = start_peer(relay.url, "--role", "offerer", *SMALL, "--record", str(tmp_path / "call.mp4"))
    await peer.event("waiting")
    page = await ForeignPage.open(chromium, site, relay.url)
    await page.join("offerer")
    assert await page.fact("role") == "answerer"
    await page.start()
    await page.assert_call(peer, tmp_path / "call.mp4")


async def test_page_joins_again_in_the_other_role(
    relay: Relay, chromium: LaunchChromium, site: str, start_peer: StartPeer, tmp_path: Path
) -> None:
    """On the same socket, in the middle of a call. The peer was there first, so the page gets its old role again."""
    peer = start_peer(relay.url, "--role", "offerer", *SMALL, "--record", str(tmp_path / "call.mp4"))
    page = await ForeignPage.open(chromium, site, relay.url)
    await page.join("answerer")
    await page.start()
    await peer.event("connected")
    await page.until("[data-connection=connected]")
    await pictures(page.tab.evaluate, 20)
    await page.join("offerer")
    assert (await peer.event("call-ended"))["received"]["video_frames"] > 0
    await page.assert_call(peer, tmp_path / "call-2.mp4")
    assert await page.fact("role") == "answerer"
