"""Two tabs of one browser call each other through localStorage, with no server."""

import pytest
from playwright.async_api import BrowserContext, Error

from tests.browser.callpage import CallPage
from tests.browser.conftest import PAGE_FILE, LaunchChromium, OpenCallPage


@pytest.fixture
async def context(chromium: LaunchChromium) -> BrowserContext:
    return await (await chromium()).new_context()


async def call(call_page: OpenCallPage, context: BrowserContext, url: str) -> tuple[CallPage, CallPage]:
    offerer = await call_page(url, context=context, role="offerer", start=True)
    answerer = await call_page(url, context=context, role="answerer", start=True)
    await answerer.connected()
    await offerer.until(connection="connected")
    return offerer, answerer


async def test_two_tabs_of_a_file_call_each_other(call_page: OpenCallPage, context: BrowserContext) -> None:
    offerer = await call_page(PAGE_FILE, context=context)
    answerer = await call_page(PAGE_FILE, context=context)
    assert await offerer.element("signaling-local").is_checked()
    await offerer.choose("offerer")
    await answerer.choose("answerer")
    await offerer.until(phase="partner-here")
    await answerer.press("start")
    await answerer.until(phase="expecting")
    await offerer.press("start")
    await offerer.connected()
    await answerer.tab.bring_to_front()
    await answerer.connected()
    assert await answerer.element("connection-state").inner_text() == "connected"
    assert await answerer.element("ice-state").inner_text() in ("connected", "completed")
    assert await answerer.element("signaling-state").inner_text() == "stable"


async def test_a_plain_web_server_is_no_relay(
    call_page: OpenCallPage, context: BrowserContext, static_site: str
) -> None:
    offerer, answerer = await call(call_page, context, static_site)
    assert await offerer.element("signaling-local").is_checked()
    assert answerer.sent == []


async def test_offer_before_start_is_answered_once_started(call_page: OpenCallPage, context: BrowserContext) -> None:
    answerer = await call_page(PAGE_FILE, context=context, role="answerer")
    offerer = await call_page(PAGE_FILE, context=context, role="offerer", start=True)
    await offerer.until(phase="offering")
    await answerer.element("candidates").get_by_text("received").first.wait_for()
    await answerer.press("start")
    await answerer.connected()
    await offerer.until(connection="connected")


async def test_same_role_twice_makes_the_later_one_the_other(call_page: OpenCallPage, context: BrowserContext) -> None:
    first = await call_page(PAGE_FILE, context=context, role="answerer", start=True)
    await first.until(phase="waiting-started")
    second = await call_page(PAGE_FILE, context=context, role="answerer", start=True)
    await second.connected()
    await first.until(role="answerer", connection="connected")
    await second.until(role="offerer")
    assert "you are the offerer" in await second.notice("role-changed")


async def test_third_tab_finds_the_room_full_and_gets_in_later(
    call_page: OpenCallPage, context: BrowserContext
) -> None:
    offerer, answerer = await call(call_page, context, PAGE_FILE)
    third = await call_page(PAGE_FILE, context=context, role="answerer", start=True)
    assert "two people already" in await third.notice("relay")
    await third.until(phase="refused")
    elsewhere = await call_page(PAGE_FILE, context=context, role="answerer", room="elsewhere")
    await elsewhere.until(phase="waiting")
    await answerer.press("stop")
    await third.connected()
    await offerer.until(connection="connected")
    assert await third.element("notices").inner_text() == ""


async def test_closed_tab_is_replaced_by_a_new_one(call_page: OpenCallPage, context: BrowserContext) -> None:
    offerer, answerer = await call(call_page, context, PAGE_FILE)
    await answerer.tab.close()
    await offerer.until(phase="waiting-started")
    again = await call_page(PAGE_FILE, context=context, role="answerer", start=True)
    await again.connected()
    await offerer.until(connection="connected")


async def test_crashed_tab_leaves_the_room(call_page: OpenCallPage, context: BrowserContext) -> None:
    offerer, answerer = await call(call_page, context, PAGE_FILE)
    with pytest.raises(Error, match="crash"):
        await answerer.tab.goto("chrome://crash")
    await offerer.until(phase="waiting-started")


async def test_nothing_stays_in_storage(call_page: OpenCallPage, context: BrowserContext) -> None:
    offerer, answerer = await call(call_page, context, PAGE_FILE)
    await offerer.press("reset")
    await answerer.until(phase="waiting-started")
    await answerer.press("reset")
    await answerer.tab.evaluate(
        """() => navigator.locks.request("webrtc-peer:room:", () => {})"""  # what leaving does is done before
    )
    keys = await answerer.tab.evaluate("() => Object.keys(localStorage)")
    assert [key for key in keys if "room" in key or "to:" in key] == []
