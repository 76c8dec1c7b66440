"""The token of a relay that demands one: from the address to the relay, and to nobody else."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import OpenCallPage

TOKEN = "a+b/c=&50%"  # no secret; every sign that an address gives a meaning to
FRAGMENT = f"#token={quote(TOKEN, safe='')}"
STORED = "() => JSON.stringify({ ...localStorage })"


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay that lets nobody in without the token."""
    async with Relay(RelayConfig(port=0, token=TOKEN)) as relay:
        yield relay


def told(page: CallPage) -> list[str | None]:
    """The tokens that the page has told relays."""
    return [join["payload"].get("token") for join in page.sent_of("join")]


async def address(page: CallPage) -> str:
    href: str = await page.tab.evaluate("() => location.href")
    return href


async def assert_asks_for_it(page: CallPage) -> None:
    await page.until(phase="refused")
    assert "access token" in await page.notice("relay")
    assert await page.element("token").is_visible()
    assert await page.tab.evaluate("() => document.activeElement.id") == "token"


async def test_a_link_carries_it_and_the_address_bar_drops_it(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(f"{relay.page_url}?role=offerer&room=lab&start{FRAGMENT}")
    await page.until(phase="waiting-started")
    assert await address(page) == f"{relay.page_url}?role=offerer&room=lab&start"
    assert told(page) == [TOKEN]
    await page.tab.reload()
    await page.until(phase="waiting-started")
    assert told(page) == [TOKEN] * 2, "a reload keeps the call"
    assert TOKEN not in await page.tab.evaluate(STORED), "nothing is kept beyond the tab"
    async with page.tab.context.expect_page() as opened:
        await page.press("open-partner")
    other = await opened.value
    await other.locator(":root[data-connection=connected]").wait_for(state="attached")
    assert "#" not in other.url
    again = await call_page(relay.page_url, context=page.tab.context, role="answerer")
    await assert_asks_for_it(again)


async def test_who_has_none_is_asked_for_it(call_page: OpenCallPage, relay: Relay) -> None:
    """The call that the user has started goes on as soon as they have typed it."""
    page = await call_page(relay.page_url, role="offerer", room="lab")
    await assert_asks_for_it(page)
    await page.press("start")
    await page.until_received("error", 2)
    await assert_asks_for_it(page)
    await page.tab.get_by_role("button", name="中文").click()
    assert "访问令牌" in await page.notice("relay")
    await page.tab.get_by_role("button", name="English").click()
    await page.element("token").fill("wrong")
    await page.element("token").press("Enter")
    await page.until_received("error", 3)
    await assert_asks_for_it(page)
    await page.element("token").fill(TOKEN)
    await page.element("token").press("Enter")
    await page.until(phase="waiting-started", relay="open")
    await page.frames(1, video="local")
    assert await page.tab.locator(".notice[data-kind=relay]").count() == 0
    assert await page.element("token").is_disabled()
    assert told(page) == [None, None, "wrong", TOKEN]


async def test_a_link_in_the_open_tab_brings_it(call_page: OpenCallPage, relay: Relay) -> None:
    """The address differs in its fragment alone, so the browser doesn't load the page again."""
    page = await call_page(f"{relay.page_url}?role=offerer&room=lab#token=50%")
    await assert_asks_for_it(page)
    await page.tab.goto(f"{relay.page_url}?role=offerer&room=lab{FRAGMENT}")
    await page.until(phase="waiting")
    assert await address(page) == f"{relay.page_url}?role=offerer&room=lab"
    assert told(page) == ["50%", TOKEN]


async def test_no_other_relay_is_told(call_page: OpenCallPage, relay: Relay) -> None:
    """Neither by a link in the same tab, nor by another address in the settings."""
    page = await call_page(f"{relay.page_url}?role=offerer&room=lab{FRAGMENT}")
    await page.until(phase="waiting")
    async with Relay(RelayConfig(port=0)) as other:
        await page.open(relay.page_url, role="offerer", room="lab", server=other.url)
        await page.until(phase="waiting")
        await page.open(relay.page_url, role="offerer", room="lab")
        await page.until(phase="waiting")
        await page.element("settings").locator("summary").click()
        await page.element("server").fill(other.url)
        await page.tab.keyboard.press("Enter")
        await page.until_received("joined", 4)
    assert told(page) == [TOKEN, None, TOKEN, None]
