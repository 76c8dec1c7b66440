"""The page's address, what it remembers, and its languages."""

import re
from urllib.parse import parse_qs, urlsplit

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import PAGE_DIRECTORY, PAGE_FILE, LaunchChromium, OpenCallPage

PAGE_HTML = (PAGE_DIRECTORY / "index.html").read_text()
PAGE_SCRIPTS = "\n".join(path.read_text() for path in PAGE_DIRECTORY.glob("*.js") if path.name != "texts.js")


async def type_server(page: CallPage, address: str) -> None:
    await page.element("settings").locator("summary").click()
    await page.element("signaling-ws").check()
    await page.element("server").fill(address)
    await page.element("server").press("Tab")


# The address of the page


async def test_relay_s_own_page_uses_that_relay(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url)
    assert await page.element("signaling-ws").is_checked()
    assert await page.element("server").input_value() == relay.page_url.replace("http:", "ws:")
    await page.until(phase="idle", role="")


async def test_address_parameters_fill_the_settings(call_page: OpenCallPage, static_site: str) -> None:
    server = "ws://127.0.0.1:9/some/path"
    page = await call_page(static_site, role="answerer", room="lab 1/ä", signaling="ws", server=server)
    assert await page.element("role-answerer").is_checked()
    assert await page.element("signaling-ws").is_checked()
    assert await page.element("server").input_value() == server
    assert await page.element("room").input_value() == "lab 1/ä"
    await page.until(role="answerer", phase="retrying-relay")
    assert await page.element("start").is_enabled()


async def test_role_and_room_of_the_address_are_joined(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="answerer", room="lab 1/ä")
    await page.until(phase="waiting")
    assert await page.element("room-state").inner_text() == "lab 1/ä"
    (join,) = page.sent_of("join")
    assert join["payload"] == {"role": "answerer", "roomId": "lab 1/ä"}


async def test_start_alone_joins_and_starts(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, start=True)
    await page.until(phase="waiting-started", role="offerer")
    await page.frames(3, video="local")


async def test_unknown_values_in_the_address_are_told(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="caller", signaling="pigeon")
    assert await page.notice("address-role") == (
        "The page's address says role=caller, which means nothing here. Possible: offerer, answerer."
    )
    assert "signaling=pigeon" in await page.notice("address-signaling")
    await page.until(phase="idle")


async def test_link_for_the_other_side_completes_the_call(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="offerer", room="lab & more", start=True, lang="zh")
    await page.until(phase="waiting-started")
    link = await page.element("open-partner").get_attribute("href")
    assert link is not None
    assert parse_qs(urlsplit(link).query, keep_blank_values=True) == {
        "role": ["answerer"],
        "room": ["lab & more"],
        "signaling": ["ws"],
        "lang": ["zh"],
        "start": [""],
    }
    other = await call_page(link)
    await other.connected()
    await page.until(connection="connected")
    assert await page.element("open-partner").is_hidden()


# The server's address


async def test_server_is_remembered(call_page: OpenCallPage, static_site: str) -> None:
    page = await call_page(static_site)
    assert await page.element("server").input_value() == static_site.replace("http:", "ws:").removesuffix("index.html")
    await type_server(page, "ws://127.0.0.1:9/mine")
    again = await call_page(static_site, context=page.tab.context)
    assert await again.element("server").input_value() == "ws://127.0.0.1:9/mine"
    assert not await again.element("signaling-ws").is_checked(), "only the address is remembered"
    link = await call_page(static_site, context=page.tab.context, room="lab")
    assert await link.element("server").input_value() != "ws://127.0.0.1:9/mine", "a link says it all"
    await type_server(again, "")
    last = await call_page(static_site, context=page.tab.context)
    assert await last.element("server").input_value() != "ws://127.0.0.1:9/mine"


async def test_page_from_a_file_suggests_the_usual_relay(call_page: OpenCallPage) -> None:
    page = await call_page(PAGE_FILE)
    assert await page.element("signaling-local").is_checked()
    await page.element("settings").locator("summary").click()
    assert await page.element("server").is_hidden()
    await page.element("signaling-ws").check()
    assert await page.element("server").input_value() == "ws://localhost:8080"


async def test_server_is_made_an_address_or_refused(call_page: OpenCallPage, static_site: str) -> None:
    page = await call_page(static_site)
    wanted = {
        "localhost:9": "ws://localhost:9/",
        " http://localhost:9/x ": "ws://localhost:9/x",
        "https://localhost:9": "wss://localhost:9/",
        "wss://localhost:9/x?token=1#part": "wss://localhost:9/x?token=1",
        "ftp://localhost:9": None,
        "ws://": None,
        "what is this?": None,
    }
    normalize = "(typed) => typed.map((text) => [text, call.normalizeServer(text, location)])"
    assert dict(await page.tab.evaluate(normalize, list(wanted))) == wanted


async def test_wrong_server_is_told(call_page: OpenCallPage, static_site: str) -> None:
    page = await call_page(static_site)
    await type_server(page, "what is this?")
    await page.choose("offerer")
    assert await page.notice("signaling") == (
        "“what is this?” is not a server address. Write it like ws://localhost:8080."
    )
    await page.until(phase="idle")


async def test_changed_room_is_joined_at_once(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="offerer", room="lab")
    await page.until(phase="waiting")
    await page.element("settings").locator("summary").click()
    await page.element("room").fill("elsewhere")
    await page.element("room").press("Enter")
    await page.element("room-state").get_by_text("elsewhere").wait_for()
    await page.press("start")
    await page.until(phase="waiting-started")
    assert await page.element("room").is_disabled()
    assert await page.element("settings-locked").is_visible()


# Languages


async def test_browser_s_language_is_used(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium()
    for locale, lang in (("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("en-GB", "en"), ("fr-FR", "en")):
        page = await call_page(relay.page_url, context=await browser.new_context(locale=locale))
        assert await page.tab.locator("html").get_attribute("lang") == lang


async def test_language_is_switched_and_remembered(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="caller")
    await page.tab.get_by_role("button", name="中文").click()
    assert await page.element("start").inner_text() == "开始"
    assert await page.status() == "请选择角色。"
    assert await page.tab.title() == "WebRTC 通话"
    assert "role=caller" in await page.notice("address-role")
    assert "无效" in await page.notice("address-role")
    again = await call_page(relay.page_url, context=page.tab.context)
    assert await again.status() == "请选择角色。"
    link = await call_page(relay.page_url, context=page.tab.context, lang="en")
    assert await link.status() == "Choose a role to begin."


async def test_chinese_page_has_no_english_left(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, lang="zh", role="offerer", start=True)
    await page.until(phase="waiting-started")
    await page.element("settings").locator("summary").click()
    await page.press("add-ice-server")
    texts = await page.tab.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((element) => !element.closest("[lang=en]") && element.checkVisibility())
          .flatMap((element) => [
            ...[...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data),
            element.ariaLabel ?? "", element.title ?? "",
          ])"""
    )
    words = {word for text in texts for word in re.findall("[A-Za-z]{2,}", text)}
    room = await page.element("room-state").inner_text()
    assert words - set(re.findall("[A-Za-z]{2,}", room)) <= {"WebRTC", "WebSocket", "ICE", "STUN", "TURN"}


async def test_every_text_is_used_and_in_both_languages(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url)
    texts = await page.tab.evaluate("() => call.texts")
    for key, (english, chinese) in texts.items():
        assert set(re.findall(r"\{\w+\}", chinese)) == set(re.findall(r"\{\w+\}", english)), key
        assert not re.search(r"[\u3000-\u9fff]", english), key
        assert key == "ice-state" or re.search(r"[\u4e00-\u9fff]", chinese), key
    named = set(re.findall(r'data-(?:text|label|hint)="([^"]+)"', PAGE_HTML))
    assert named <= texts.keys()
    written = set(re.findall(r'"([a-z-]+)"', PAGE_SCRIPTS))
    composed = re.compile(
        r"(phase|relay|error|became)-[a-z-]+"
        r"|(denied|not-found|busy|insecure|unsupported|unknown|ended)-(both|camera|microphone)"
    )
    assert [key for key in texts if key not in named | written and not composed.fullmatch(key)] == []
    phases = set(re.findall(r'return "([a-z-]+)"', PAGE_SCRIPTS)) | {
        "connecting",
        "connected",
        "disconnected",
        "failed",
    }
    assert {f"phase-{phase}" for phase in phases} <= texts.keys()
