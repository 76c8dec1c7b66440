"""ICE servers: typed in, or sent by the relay. A STUN server is known by the requests that reach it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.relay import Relay
from tests.browser.callpage import TIMEOUT_MS, CallPage
from tests.browser.conftest import OpenCallPage
from tests.browser.scriptedrelay import relay_that_says

BINDING_REQUEST = b"\x00\x01"  # RFC 8489, section 5
ALLOCATE_REQUEST = b"\x00\x03"  # RFC 8656, section 17
READY = {"type": "ready", "message": ""}


class Requests(asyncio.DatagramProtocol):
    """Collects the first two bytes of each datagram: the STUN message type."""

    def __init__(self) -> None:
        self.types: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _: object) -> None:
        self.types.put_nowait(data[:2])

    async def next(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_MS / 1000):
            return await self.types.get()


@pytest.fixture
async def requests() -> AsyncIterator[tuple[Requests, str]]:
    """A UDP socket where an ICE server could be, and its host:port."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Requests, ("127.0.0.1", 0))
    yield protocol, "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    transport.close()


def joined(role: str, *ice_servers: object) -> dict[str, object]:
    return {"type": "joined", "roomId": "lab", "role": role, "message": "", "iceServers": list(ice_servers)}


async def field(page: CallPage, name: str, row: int = 0) -> str:
    return await page.tab.locator(f"#ice-servers [name={name}]").nth(row).input_value()


async def add_server(page: CallPage, urls: str, username: str = "", credential: str = "") -> None:
    await page.press("add-ice-server")
    row = page.tab.locator("#ice-servers li").last
    await row.locator("[name=urls]").fill(urls)
    await row.locator("[name=username]").fill(username)
    await row.locator("[name=credential]").fill(credential)


async def test_servers_of_the_relay_are_used(
    call_page: OpenCallPage, static_site: str, requests: tuple[Requests, str]
) -> None:
    protocol, address = requests
    async with relay_that_says(joined("offerer", {"urls": [f"stun:{address}"]}), READY) as server:
        page = await call_page(static_site, role="offerer", server=server, start=True)
        assert await protocol.next() == BINDING_REQUEST
        assert await field(page, "urls") == f"stun:{address}"
        assert "Given by the signaling server" in await page.element("ice-origin").text_content()


async def test_typed_server_is_used_and_goes_before_the_relay_s(
    call_page: OpenCallPage, static_site: str, requests: tuple[Requests, str]
) -> None:
    protocol, address = requests
    relayed = {"urls": "stun:127.0.0.1:9", "username": "u", "credential": "c"}
    async with relay_that_says(joined("offerer", relayed), READY) as server:
        page = await call_page(static_site, server=server)
        await page.element("settings").locator("summary").click()
        await add_server(page, f"turn:{address}?transport=udp", "alice", "secret")
        await page.choose("offerer")
        await page.press("start")
        while await protocol.next() != ALLOCATE_REQUEST:
            pass  # Chromium also asks a TURN server what a STUN server is asked
        assert await field(page, "urls") == f"turn:{address}?transport=udp"


async def test_servers_of_the_relay_can_be_edited(
    call_page: OpenCallPage, static_site: str, requests: tuple[Requests, str]
) -> None:
    protocol, address = requests
    turn = {"urls": ["turn:127.0.0.1:9"], "username": "1893456000:lab", "credential": "c2VjcmV0"}
    async with relay_that_says(joined("offerer", turn, {"urls": "stun:127.0.0.1:9"}), READY) as server:
        page = await call_page(static_site, role="offerer", server=server)
        await page.until(phase="partner-here")
        assert await field(page, "username") == "1893456000:lab"
        assert await field(page, "credential") == "c2VjcmV0"
        await page.element("settings").locator("summary").click()
        await page.tab.locator("#ice-servers .remove").first.click()
        await page.tab.locator("#ice-servers [name=urls]").fill(f"stun:{address}")
        await page.press("start")
        assert await protocol.next() == BINDING_REQUEST


async def test_what_no_browser_would_take_is_left_out(call_page: OpenCallPage, static_site: str) -> None:
    wrong = (
        7,
        None,
        {},
        {"urls": "http://example.org"},
        {"urls": ["javascript:alert(1)", 7]},
        {"urls": "turn:127.0.0.1:9"},  # RTCPeerConnection throws for TURN without a login
        {"urls": ["stun:127.0.0.1:9"], "username": 7},
    )
    async with relay_that_says(joined("offerer", *wrong), READY) as server:
        page = await call_page(static_site, role="offerer", server=server, start=True)
        await page.until(phase="offering")
        assert await page.tab.locator("#ice-servers li").count() == 2
        assert page.sent_of("offer") != []


async def test_wrong_server_is_explained_beside_its_field(call_page: OpenCallPage, static_site: str) -> None:
    page = await call_page(static_site)
    await page.element("settings").locator("summary").click()
    for urls, username, credential, problem in (
        ("example.org", "", "", "Write stun:host:port"),
        ("stun:", "", "", "Write stun:host:port"),
        ("stun:example.org:port", "", "", "Write stun:host:port"),
        ("turn:example.org", "", "", "user name and a credential"),
        ("turn:example.org", "alice", "", "user name and a credential"),
        ("stun:example.org", "", "", ""),
        ("stun:[2001:db8::1]:3478", "", "", ""),
        ("turn:example.org:3478?transport=tcp turns:example.org", "alice", "secret", ""),
    ):
        await add_server(page, urls, username, credential)
        hint = await page.tab.locator("#ice-servers .hint").text_content()
        assert hint is not None
        assert problem in hint
        assert bool(problem) == bool(hint)
        assert await page.tab.locator("#ice-servers [aria-invalid=true]").count() == (1 if problem else 0)
        await page.tab.locator("#ice-servers .remove").click()


async def test_credentials_are_kept_for_the_tab_and_no_longer(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url)
    await page.element("settings").locator("summary").click()
    await add_server(page, "turn:example.org", "alice", "secret")
    await page.element("token").fill("token-secret")
    await page.tab.reload()
    assert await field(page, "credential") == "secret"
    assert "secret" not in await page.tab.evaluate("() => JSON.stringify(localStorage)")
    another = await call_page(relay.page_url, context=page.tab.context)
    assert await another.tab.locator("#ice-servers li").count() == 0
