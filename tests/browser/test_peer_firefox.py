"""A peer and the page in Firefox: each gets what the other sends, whoever offers."""

import asyncio
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from signaling.relay import Relay
from tests.browser.firefox import Firefox, firefox_fixture  # noqa: F401 - the fixture `firefox`
from tests.browser.media import Recorded, assert_test_media
from tests.browser.peers import SMALL, TIMEOUT, StartPeer, start_peer_fixture  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}


class FirefoxPage:
    """The project's page in the tab that a Firefox shows."""

    def __init__(self, firefox: Firefox) -> None:
        self.firefox = firefox

    async def open(self, url: str, **parameters: str) -> "FirefoxPage":
        """Load the page with these address parameters, and let it start."""
        await asyncio.to_thread(self.firefox.open, f"{url}?{urllib.parse.urlencode(parameters)}&start", timeout=TIMEOUT)
        return self

    async def run(self, function: str, argument: Any) -> Any:
        """What an asynchronous JavaScript function of one argument comes to."""
        return await asyncio.to_thread(self.firefox.run, f"return ({function})(arguments[0])", argument)

    async def until(self, condition: str) -> None:
        """Wait for something about the page's root element, as a selector."""
        script = "return document.querySelector(arguments[0])"
        await asyncio.to_thread(self.firefox.wait_for, script, f":root{condition}", timeout=TIMEOUT)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_content(role: str, relay: Relay, firefox: Firefox, start_peer: StartPeer, tmp_path: Path) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL, "--record", str(tmp_path / "call.mp4"))
    page = await FirefoxPage(firefox).open(relay.page_url, role=OTHER[role])
    assert (await peer.event("connected"))["codecs"] == {"audio": "opus", "video": "VP8"}
    await page.until("[data-connection=connected]")
    await assert_test_media(page.run)
    await asyncio.to_thread(peer.interrupt)
    await asyncio.to_thread(lambda: Recorded.of(tmp_path / "call.mp4").assert_is_firefox())
