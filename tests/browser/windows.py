"""A browser of either kind for pages that open others, under names that all stand for this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import BrowserContext, Playwright

from tests.browser.conftest import ALWAYS, CHROMIUM, USUAL
from tests.browser.firefox import Firefox
from tests.browser.peers import TIMEOUT
from tests.browser.tabs import ChromiumTab, FirefoxTab, Tab

FOREIGN, REBOUND = "foreign.test", "rebound.test"
"""Host names that lead to 127.0.0.1, as those of anybody's servers may."""

CHROMIUM_FLAGS = (*USUAL, f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1, MAP {REBOUND} 127.0.0.1")
FIREFOX_PREFERENCES = {
    "network.dns.localDomains": f"{FOREIGN},{REBOUND}",
    "dom.disable_open_during_load": False,  # a page needs no click to open others: nor does a stranger's for long
}


class Window(Protocol):
    """A browser's window, of which the tests look at one tab at a time. It trusts every certificate."""

    async def open(self, url: str) -> Tab:
        """Load a page as if its address were typed."""

    async def opened(self, function: str, argument: Any) -> Tab:
        """The tab that a page opens when this JavaScript function runs in it. Be in that from now on."""

    async def close(self) -> None:
        """Close that tab again, and be in the one that opened it."""


class ChromiumWindow:
    """Chromium, driven by Playwright."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    async def open(self, url: str) -> Tab:
        page = self._context.pages[0] if self._context.pages else await self._context.new_page()
        page.set_default_timeout(TIMEOUT * 1000)
        tab = ChromiumTab(page)
        await tab.open(url)
        return tab

    async def opened(self, function: str, argument: Any) -> Tab:
        async with self._context.expect_page(timeout=TIMEOUT * 1000) as page:
            await self._context.pages[-1].evaluate(function, argument)
        return ChromiumTab(await page.value)

    async def close(self) -> None:
        await self._context.pages[-1].close()


class FirefoxWindow:
    """Firefox, driven by Marionette, which is in one tab at a time."""

    def __init__(self, firefox: Firefox) -> None:
        self._firefox = firefox
        self._tab = FirefoxTab(firefox)

    async def open(self, url: str) -> Tab:
        await self._tab.open(url)
        return self._tab

    async def opened(self, function: str, argument: Any) -> Tab:
        await self._tab.run(function, argument)
        await asyncio.to_thread(self._firefox.follow, timeout=TIMEOUT)
        return self._tab

    async def close(self) -> None:
        await asyncio.to_thread(self._firefox.close_tab)


@contextlib.asynccontextmanager
async def open_window(kind: str, folder: Path, playwright: Playwright) -> AsyncIterator[Window]:
    """A "chromium" or "firefox" whose made-up devices every page may use that may use devices at all."""
    if kind == "firefox":
        with Firefox(folder / "firefox", preferences=FIREFOX_PREFERENCES) as firefox:
            yield FirefoxWindow(firefox)
        return
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ALWAYS, *CHROMIUM_FLAGS])
    try:
        yield ChromiumWindow(await browser.new_context(ignore_https_errors=True))
    finally:
        await browser.close()
