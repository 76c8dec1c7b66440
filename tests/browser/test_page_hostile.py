"""A relay or a partner that means harm: its text stays text, and its junk does nothing."""

import pytest

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import LaunchChromium, OpenCallPage
from tests.browser.scriptedrelay import relay_that_says

HTML = "<img src=x onerror='globalThis.harmed=true'><script>globalThis.harmed=true</script>"
BIDI = "\u202egnp.exe"
JOINED = {"type": "joined", "roomId": "lab", "role": "answerer", "message": ""}
READY = {"type": "ready", "message": ""}


async def assert_unharmed(page: CallPage) -> None:
    assert await page.tab.locator("body img, body script, body iframe").count() == 0
    assert await page.tab.evaluate("() => globalThis.harmed") is None


async def test_text_of_the_relay_is_never_html(call_page: OpenCallPage, static_site: str) -> None:
    messages = (
        {"type": "welcome", "clientId": HTML, "message": HTML},
        {"type": "joined", "roomId": HTML, "role": "answerer", "message": HTML},
        {"type": "error", "message": HTML + BIDI, "code": HTML},
    )
    async with relay_that_says(*messages) as server:
        page = await call_page(static_site, role="answerer", server=server)
        notice = await page.notice("relay")
        assert HTML in notice
        assert "\u202e" not in notice
        assert (await page.element("room-state").inner_text()).startswith("<img src=x")
        await assert_unharmed(page)


async def test_text_of_the_partner_is_never_html(call_page: OpenCallPage, static_site: str) -> None:
    messages = (
        JOINED,
        READY,
        {"type": "ice-candidate", "payload": {"candidate": HTML + BIDI, "sdpMid": HTML}},
        {"type": "offer", "payload": {"type": "offer", "sdp": f"v=0\r\n{HTML}\r\n"}},
    )
    async with relay_that_says(*messages) as server:
        page = await call_page(static_site, role="answerer", server=server, start=True)
        assert "offer can't be used" in await page.notice("negotiation")
        entry = await page.tab.locator("#candidates .candidate").first.inner_text()
        assert HTML in entry
        assert "\u202e" not in entry
        await assert_unharmed(page)


async def test_link_is_never_html(call_page: OpenCallPage, static_site: str) -> None:
    page = await call_page(static_site, role=HTML, signaling="local", room=HTML, lang=HTML)
    notices = await page.element("notices").inner_text()
    assert f"role={HTML}" in notices
    assert f"lang={HTML}" in notices
    await page.choose("offerer")
    await page.until(phase="waiting")
    await assert_unharmed(page)


async def test_junk_of_the_relay_does_no_harm(call_page: OpenCallPage, static_site: str) -> None:
    messages: tuple[object, ...] = (
        "",
        "{",
        "null",
        "7",
        "[]",
        '"text"',
        {},
        {"type": 7},
        {"type": "__proto__", "payload": {"polluted": True}},
        {"type": "constructor"},
        {"type": "unheard-of", "payload": "anything"},
        {"type": "joined", "payload": None, "role": "sovereign", "roomId": 7, "iceServers": 7, "resume": 7},
        {"type": "error"},
        {"type": "error", "code": "__proto__", "message": {"a": 1}},
        {"type": "error", "code": 7, "message": None},
        {"type": "joined", "payload": {"roomId": "in-payload", "role": "answerer"}},
    )
    async with relay_that_says(*messages) as server:
        page = await call_page(static_site, role="answerer", server=server)
        await page.element("room-state").get_by_text("in-payload").wait_for()
        await page.until(phase="waiting")
        assert await page.tab.evaluate("() => ({}).polluted") is None


async def test_flood_of_candidates_is_bounded(call_page: OpenCallPage, static_site: str) -> None:
    candidate = {"type": "ice-candidate", "payload": {"candidate": "x" * 5000, "sdpMid": "0"}}
    async with relay_that_says(JOINED, READY, *[candidate] * 2000, {**JOINED, "roomId": "end"}) as server:
        page = await call_page(static_site, role="answerer", server=server)
        await page.element("room-state").get_by_text("end").wait_for()
        assert await page.element("candidate-count").inner_text() == "500"
        assert await page.tab.locator("#candidates li").count() == 500
        assert await page.tab.locator("#candidates").evaluate("(list) => list.textContent.length") < 500 * 500


@pytest.mark.parametrize("server", ["wss://relay.example/", "ws://localhost.example:8080"])
async def test_link_to_a_foreign_relay_does_not_start_by_itself(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay, server: str
) -> None:
    """Whoever may use the camera here must not be led into a stranger's room by a link alone."""
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    context = await (await chromium(flags=(nowhere,))).new_context()
    page = await call_page(relay.page_url, context=context, role="answerer", server=server, start=True)
    assert "Press Start if you trust it" in await page.notice("link")
    await page.until(phase="retrying-relay")
    assert await page.element("start").is_enabled()


async def test_page_may_load_and_run_nothing_from_elsewhere(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url)
    blocked = """
      () => new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "globalThis.harmed = true";
        document.body.append(script);
      })
    """
    assert await page.tab.evaluate(blocked) == "script-src-elem"
    assert await page.tab.evaluate("() => globalThis.harmed") is None
    assert page.problems
    assert all("script-src" in problem for problem in page.problems)
    page.problems.clear()
