"""Real browsers for tests: separate processes of Chromium with a made-up camera, a relay, and the page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Playwright, async_playwright

from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.sites import site

CHROMIUM = "/usr/bin/chromium"
ALWAYS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
FAKE_DEVICES = "--use-fake-device-for-media-stream"
ALLOW_DEVICES = "--use-fake-ui-for-media-stream"
AUTOPLAY = "--autoplay-policy=no-user-gesture-required"
USUAL = (FAKE_DEVICES, ALLOW_DEVICES, AUTOPLAY)

PAGE_DIRECTORY = Path(str(files("signaling") / "page"))
PAGE_FILE = PAGE_DIRECTORY.joinpath("index.html").as_uri()
"""The page as one opens it with a double click."""

INSECURE_HOST = "insecure.test"
"""A name that browsers give no camera to over HTTP, as those of other machines; it leads nowhere without a flag."""

LaunchChromium = Callable[..., Awaitable[Browser]]
OpenCallPage = Callable[..., Awaitable[CallPage]]


@pytest.fixture
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright's driver."""
    async with async_playwright() as driver:
        yield driver


@pytest.fixture
async def chromium(playwright: Playwright) -> AsyncIterator[LaunchChromium]:
    """`await chromium()` starts one more Chromium, a process of its own.

    `flags` take the place of the usual ones: a made-up camera and microphone that may be used without a
    question, and sound without a click.
    """
    browsers: list[Browser] = []

    async def launch(*, flags: tuple[str, ...] = USUAL) -> Browser:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ALWAYS, *flags])
        browsers.append(browser)
        return browser

    yield launch
    for browser in browsers:
        await browser.close()


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay on a free port, with the page at `relay.page_url`. It goes by `INSECURE_HOST` too."""
    async with Relay(RelayConfig(port=0, allowed_hosts=(INSECURE_HOST,))) as relay:
        yield relay


@pytest.fixture
async def call_page(chromium: LaunchChromium) -> AsyncIterator[OpenCallPage]:
    """`await call_page(url, role="answerer", room="lab", start=True)` opens the page with these parameters.

    Without `context` each page has one of its own, with a storage of its own, in a Chromium that the test's pages
    share; for separate processes, give contexts of browsers that `chromium` made. A test fails in the end when a
    page had an uncaught exception or broke its Content-Security-Policy.
    """
    pages: list[CallPage] = []
    shared: list[Browser] = []

    async def open_page(
        url: str, *, context: BrowserContext | None = None, start: bool = False, **parameters: str
    ) -> CallPage:
        if context is None:
            shared[:] = shared or [await chromium()]
            context = await shared[0].new_context()
        page = await CallPage.in_context(context)
        pages.append(page)
        return await page.open(url, start=start, **parameters)

    yield open_page
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture
def static_site() -> Iterator[str]:
    """The page's address on a plain web server that is no relay."""
    with site(PAGE_DIRECTORY) as port:
        yield f"http://127.0.0.1:{port}/index.html"
