"""The page as an interface: on a phone, by keyboard, for a screen reader; its log, controls and statistics."""

import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import INSECURE_HOST, LaunchChromium, OpenCallPage
from tests.browser.scriptedrelay import relay_that_says

FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def call(call_page: OpenCallPage, relay: Relay, **options: Any) -> CallPage:
    page = await call_page(relay.page_url, role="offerer", room="lab", start=True, **options)
    await call_page(relay.page_url, role="answerer", room="lab", start=True)
    await page.connected()
    return page


async def context_of(chromium: LaunchChromium, **options: Any) -> BrowserContext:
    return await (await chromium()).new_context(**options)


# Sizes


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_nothing_is_wider_than_the_window(call_page: OpenCallPage, static_site: str, lang: str) -> None:
    room = "a-room-with-a-name-that-nobody-would-want-to-type-" * 5
    joined = {"type": "joined", "roomId": room, "role": "offerer", "message": ""}
    candidate = {"type": "ice-candidate", "payload": {"candidate": "candidate:" + "x" * 400, "sdpMid": "0"}}
    error = {"type": "error", "message": "w" * 400}
    async with relay_that_says(joined, candidate, error) as server:
        page = await call_page(static_site, lang=lang, role="answerer", server=server, start=True)
        await page.notice("relay")
        await page.frames(1, video="local")
        await page.element("settings").locator("summary").click()
        await page.press("add-ice-server")
        for width in (320, 360, 768, 1280):
            await page.tab.set_viewport_size({"width": width, "height": 640})
            assert await page.tab.evaluate(FITS)
            for button in ("start", "stop", "microphone", "camera", "full-screen"):
                box = await page.element(button).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                assert box["height"] >= 40, "large enough for a finger"


# Keyboard and screen reader


async def tab_to(page: CallPage, element_id: str) -> None:
    """Press Tab until an element has the focus, as somebody without a mouse does."""
    for _ in range(40):
        if await page.tab.evaluate("() => document.activeElement.id") == element_id:
            return
        await page.tab.keyboard.press("Tab")
    pytest.fail(f"Tab never gets to {element_id}")


async def focused(page: CallPage) -> str:
    focused_id: str = await page.tab.evaluate("() => document.activeElement.id")
    return focused_id


async def test_call_by_keyboard_alone(call_page: OpenCallPage, relay: Relay) -> None:
    await call_page(relay.page_url, role="offerer", start=True)
    page = await call_page(relay.page_url)
    await tab_to(page, "role-offerer")
    await page.tab.keyboard.press("ArrowRight")
    await page.until(phase="partner-here", role="answerer")
    await page.tab.keyboard.press("Shift+Tab")
    await tab_to(page, "start")
    outline = await page.element("start").evaluate("(button) => getComputedStyle(button).outlineStyle")
    assert outline == "solid", "one sees where the focus is"
    await page.tab.keyboard.press("Enter")
    await page.connected()
    assert await focused(page) == "stop", "the focus does not get lost with the button"
    await tab_to(page, "camera")
    await page.tab.keyboard.press("Space")
    assert await page.element("camera").get_attribute("aria-pressed") == "false"
    await page.element("stop").focus()
    await page.tab.keyboard.press("Enter")
    await page.until(phase="stopped")
    assert await focused(page) == "start"
    await tab_to(page, "reset")
    await page.tab.keyboard.press("Enter")
    await page.until(phase="idle")
    assert await focused(page) == "role-offerer"


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_everything_has_a_name(call_page: OpenCallPage, relay: Relay, lang: str) -> None:
    page = await call_page(relay.page_url, lang=lang, role="offerer", room="lab", start=True)
    await page.until(phase="waiting-started")
    await page.element("settings").locator("summary").click()
    await page.press("add-ice-server")
    session = await page.tab.context.new_cdp_session(page.tab)
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    operable = {"button", "textbox", "radio", "link", "DisclosureTriangle", "Video"}
    found = [node for node in nodes if not node["ignored"] and node["role"]["value"] in operable]
    names = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in found]
    assert {role for role, _ in names} >= operable - {"Video"}
    assert [role for role, name in names if not name.strip()] == []


async def test_status_is_announced_and_statistics_are_not(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call(call_page, relay)
    assert await page.element("status").get_attribute("role") == "status"
    assert await page.status() == "Connected."
    live = "(element) => element.closest('[aria-live], [role=status], [role=alert]') !== null"
    assert not await page.element("statistics").evaluate(live)
    assert not await page.element("candidates").evaluate(live)


# Log, controls, statistics


async def test_candidates_can_be_copied_and_cleared(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    context = await context_of(chromium, permissions=["clipboard-read", "clipboard-write", "camera", "microphone"])
    page = await call(call_page, relay, context=context)
    await page.tab.locator("#candidates").get_by_text("end of candidates").nth(1).wait_for()
    await page.press("copy-candidates")
    await page.element("copy-result").get_by_text("Copied.").wait_for()
    lines = (await page.tab.evaluate("() => navigator.clipboard.readText()")).splitlines()
    assert len(lines) == int(await page.element("candidate-count").inner_text())
    for direction in ("sent", "received"):
        pattern = rf"\d\d:\d\d:\d\d\.\d\d\d {direction} +candidate:\S+ 1 udp .* typ host.*"
        assert any(re.fullmatch(pattern, line) for line in lines)
        assert any(line.endswith("end-of-candidates") for line in lines if direction in line)
    await page.press("clear-candidates")
    assert await page.tab.locator("#candidates li").count() == 0
    assert await page.element("no-candidates").is_visible()


async def test_insecure_page_copies_the_old_way(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    flag = f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"
    context = await (await chromium(flags=(flag,))).new_context()
    page = await call_page(f"http://{INSECURE_HOST}:{relay.address[1]}/", context=context)
    assert await page.tab.evaluate("() => navigator.clipboard") is None
    await page.tab.evaluate("() => document.addEventListener('copy', () => (globalThis.copied = true))")
    await page.press("copy-candidates")
    await page.element("copy-result").get_by_text("Copied.").wait_for()


async def test_picture_fills_the_screen_and_comes_back(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call(call_page, relay)
    await page.press("full-screen")
    await page.tab.locator("#screen:fullscreen").wait_for()
    await page.frames(3)
    assert await page.element("remote").evaluate("(video) => video.clientWidth === innerWidth")
    await page.tab.keyboard.press("Escape")
    await page.tab.evaluate("() => document.fullscreenElement && document.exitFullscreen()")
    await page.tab.locator("#full-screen[aria-pressed=false]").wait_for()


async def test_statistics_tell_both_directions(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call(call_page, relay)
    stream = r"\d+×\d+ · \d+ fps · [\d.]+ [kM]bit/s · (VP8|VP9|H264|AV1)"
    received, sent, round_trip = (page.tab.locator("#statistics span").nth(index) for index in range(3))
    await received.filter(has_text=re.compile(f"↓ {stream}")).wait_for()
    await sent.filter(has_text=re.compile(f"↑ {stream}")).wait_for()
    await round_trip.filter(has_text=re.compile(r"⇄ \d+ ms")).wait_for()
    await page.press("stop")
    await received.filter(has_text=re.compile("^$")).wait_for(state="attached")


async def test_pictures_are_released_after_the_call(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call(call_page, relay)
    await page.tab.evaluate("() => (globalThis.tracks = document.getElementById('local').srcObject.getTracks())")
    await page.press("stop")
    assert await page.tab.evaluate("() => tracks.map((track) => track.readyState)") == ["ended", "ended"]
    assert await page.element("remote").evaluate("(video) => video.srcObject") is None
