"""The page starts by a link that its user opened, and never by one that another page led to."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Frame, Page, Playwright

from signaling.relay import Relay
from tests.browser.conftest import PAGE_DIRECTORY, LaunchChromium
from tests.browser.sites import site
from tests.browser.tabs import Tab
from tests.browser.windows import FOREIGN, Window, open_window

STRANGERS = Path(__file__).parent / "foreign"
BRING_UP = "([way, target]) => { WAYS[way](target); }"
TOKEN_AND_FRAGMENT = "() => [document.getElementById('token').value, location.hash]"
HAS_CAMERA = "() => document.getElementById('local').srcObject !== null"
OPEN = "(target) => { open(target); }"
LINK = "(target) => { open(target, '_blank', 'noopener'); }"  # which tells its referrer
EMBED = """
(target) => {
  const frame = Object.assign(document.createElement("iframe"), { src: target, allow: "camera; microphone" });
  document.body.append(frame);
}
"""
CLICK_PARTNER = "() => { document.getElementById('open-partner').click(); }"


async def assert_waits_for_a_click(tab: Tab) -> None:
    """It has joined, as every link may have it do: what starts never is in this phase."""
    await tab.until("[data-phase=waiting][data-role=answerer]")
    assert not await tab.run(HAS_CAMERA)
    assert await tab.run(TOKEN_AND_FRAGMENT) == ["secret", ""]


async def bring_up(window: Window, opener: str, target: str, *ways: str) -> None:
    """In these ways, or else in each that a page has."""
    page = await window.open(opener)
    for way in ways or await page.run("() => Object.keys(WAYS)"):
        tab = await window.opened(BRING_UP, [way, target])
        try:
            await assert_waits_for_a_click(tab)
        except Exception as error:
            error.add_note(f"brought up by {way} of {opener}")
            raise
        await window.close()


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
async def test_only_its_user_starts_it(kind: str, relay: Relay, playwright: Playwright, tmp_path: Path) -> None:
    """A page of another port of this machine has no more right to the camera than one from afar."""
    target = f"{relay.page_url}?role=answerer&start#token=secret"
    async with open_window(kind, tmp_path, playwright) as window:
        with site(STRANGERS) as port:
            await bring_up(window, f"http://{FOREIGN}:{port}/stranger.html", target)
            await bring_up(window, f"http://localhost:{port}/stranger.html", target, "link")
        tab = await window.open(target)
        await tab.until("[data-phase=waiting-started][data-role=answerer]")
        assert await tab.run(HAS_CAMERA)
        assert await tab.run(TOKEN_AND_FRAGMENT) == ["secret", ""]
        other = await window.opened(CLICK_PARTNER, None)
        await other.until("[data-connection=connected]")


async def test_it_looks_for_itself_where_no_relay_serves_it(chromium: LaunchChromium, relay: Relay) -> None:
    """A plain web server takes no notice of who led there."""
    with site(PAGE_DIRECTORY) as port, site(STRANGERS) as elsewhere:
        stranger = await (await chromium()).new_page()
        await stranger.goto(f"http://127.0.0.1:{elsewhere}/stranger.html")
        for way in OPEN, LINK, EMBED:
            query = urlencode({"role": "answerer", "signaling": "ws", "server": relay.url, "room": str(hash(way))})
            target = f"http://127.0.0.1:{port}/index.html?{query}&start"
            page = await brought_up(stranger, way, target)
            await page.locator(":root[data-phase=waiting]").wait_for(state="attached")
            assert not await page.evaluate(HAS_CAMERA)
            assert "Another page" in await page.locator(".notice[data-kind=link] p").inner_text()


async def brought_up(stranger: Page, way: str, target: str) -> Page | Frame:
    if way == EMBED:
        await stranger.evaluate(way, target)
        return stranger.frames[1]
    async with stranger.context.expect_page() as opened:
        await stranger.evaluate(way, target)
    return await opened.value
