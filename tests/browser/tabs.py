"""The project's page in a browser of either kind, that may be inside a network namespace."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import Page, Playwright

from tests.browser.conftest import ALLOW_DEVICES, ALWAYS, CHROMIUM, USUAL
from tests.browser.firefox import HIDDEN_ADDRESSES, Firefox
from tests.browser.peers import TIMEOUT
from tests.network.namespaces import Namespace

PERMITTED = {
    "media.peerconnection.ice.obfuscate_host_addresses": True,
    "permissions.default.camera": 1,
    "permissions.default.microphone": 1,
}
"""Firefox then shows pages all its addresses, as when its user has allowed the camera."""

SENT_CANDIDATES = """
async () => Array.from(document.querySelectorAll("#candidates li:has(.sent) .candidate"), (it) => it.textContent)
"""


class Tab(Protocol):
    """What tests need of a browser's tab."""

    async def open(self, url: str) -> None:
        """Load a page."""

    async def run(self, function: str, argument: Any = None) -> Any:
        """What an asynchronous JavaScript function of one argument comes to."""

    async def until(self, condition: str) -> None:
        """Wait for something about the page's root element, as a selector: `[data-connection=connected]`."""


class FirefoxTab:
    """The tab that a Firefox shows."""

    def __init__(self, firefox: Firefox) -> None:
        self.firefox = firefox

    async def open(self, url: str) -> None:
        await asyncio.to_thread(self.firefox.open, url, timeout=TIMEOUT)

    async def run(self, function: str, argument: Any = None) -> Any:
        return await asyncio.to_thread(self.firefox.run, f"return ({function})(arguments[0])", argument)

    async def until(self, condition: str) -> None:
        script = "return document.querySelector(arguments[0])"
        await asyncio.to_thread(self.firefox.wait_for, script, f":root{condition}", timeout=TIMEOUT)


class ChromiumTab:
    """A tab of a Chromium."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, url: str) -> None:
        await self.page.goto(url)

    async def run(self, function: str, argument: Any = None) -> Any:
        return await self.page.evaluate(function, argument)

    async def until(self, condition: str) -> None:
        await self.page.locator(f":root{condition}").wait_for(state="attached", timeout=TIMEOUT * 1000)


async def start_call(tab: Tab, page_url: str, **parameters: str) -> None:
    """Open the project's page with these address parameters, and let it start."""
    await tab.open(f"{page_url}?{urllib.parse.urlencode(parameters)}&start")


@contextlib.asynccontextmanager
async def open_browser(
    kind: str, host: Namespace, folder: Path, playwright: Playwright, *, devices: bool
) -> AsyncIterator[Tab]:
    """A "chromium" or "firefox" inside a namespace, that lets pages use its made-up devices, or refuses.

    Browsers hide their addresses behind mDNS names from pages that may not use the camera.
    """
    if kind == "firefox":
        preferences = PERMITTED if devices else HIDDEN_ADDRESSES
        with Firefox(folder / "firefox", namespace=host, preferences=preferences) as firefox:
            yield FirefoxTab(firefox)
        return
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join(host.command(CHROMIUM))} "$@"\n')
    script.chmod(0o755)
    flags = USUAL if devices else [flag for flag in USUAL if flag != ALLOW_DEVICES]
    browser = await playwright.chromium.launch(executable_path=script, args=[*ALWAYS, *flags])
    try:
        yield ChromiumTab(await browser.new_page())
    finally:
        await browser.close()
