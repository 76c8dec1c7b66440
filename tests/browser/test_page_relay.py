"""Two browsers call each other over the relay."""

import pytest

from signaling.config import RelayConfig
from signaling.messages import Role
from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import LaunchChromium, OpenCallPage
from tests.browser.proxy import Proxy


async def call(call_page: OpenCallPage, relay: Relay) -> tuple[CallPage, CallPage]:
    offerer = await call_page(relay.page_url, room="lab", role="offerer", start=True)
    answerer = await call_page(relay.page_url, room="lab", role="answerer", start=True)
    await offerer.connected()
    await answerer.connected()
    return offerer, answerer


async def test_two_browsers_see_and_hear_each_other(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    offerer = await call_page(relay.page_url, context=await (await chromium()).new_context())
    answerer = await call_page(relay.page_url, context=await (await chromium()).new_context())
    for page, role in ((offerer, "offerer"), (answerer, "answerer")):
        assert await page.element("signaling-ws").is_checked()
        await page.choose(role)
        await page.press("start")
    for page in (offerer, answerer):
        await page.connected()
        assert (await page.luma()).std() > 5  # Chromium's fake camera: a wedge on a ground
        assert await page.tone() > 0  # its fake microphone: a beep
        await page.frames(3, video="local")


async def test_offer_before_start_is_answered_once_started(call_page: OpenCallPage, relay: Relay) -> None:
    answerer = await call_page(relay.page_url, room="lab", role="answerer")
    offerer = await call_page(relay.page_url, room="lab", role="offerer", start=True)
    await answerer.element("candidates").get_by_text("received").first.wait_for()
    assert answerer.sent_of("answer") == []
    await answerer.until(phase="partner-here")
    await answerer.press("start")
    await answerer.connected()
    await offerer.connected()


async def test_offerer_who_starts_alone_calls_whoever_comes(call_page: OpenCallPage, relay: Relay) -> None:
    offerer = await call_page(relay.page_url, room="lab", role="offerer", start=True)
    await offerer.until(phase="waiting-started")
    assert offerer.sent_of("offer") == []
    answerer = await call_page(relay.page_url, room="lab", role="answerer", start=True)
    await answerer.connected()


async def test_page_obeys_the_role_it_is_given(call_page: OpenCallPage, relay: Relay) -> None:
    first = await call_page(relay.page_url, room="lab", role="offerer", start=True)
    await first.until(phase="waiting-started")
    second = await call_page(relay.page_url, room="lab", role="offerer", start=True)
    await second.connected()
    assert await second.element("role-answerer").is_checked()
    assert "you are the answerer" in await second.notice("role-changed")
    assert second.sent_of("offer") == []


async def test_stop_hangs_up_and_start_calls_again(call_page: OpenCallPage, relay: Relay) -> None:
    offerer, answerer = await call(call_page, relay)
    await answerer.press("stop")
    await offerer.until(phase="waiting-started")
    await answerer.until(phase="stopped", connection="closed")
    assert await answerer.tab.evaluate("() => document.getElementById('local').srcObject") is None
    await answerer.press("start")
    await offerer.connected()
    await answerer.connected()
    await offerer.press("stop")
    await answerer.until(phase="waiting-started")
    await offerer.press("start")
    await answerer.connected()


async def test_reset_leaves_and_lets_choose_the_other_role(call_page: OpenCallPage, relay: Relay) -> None:
    offerer, answerer = await call(call_page, relay)
    for page in (offerer, answerer):
        await page.press("reset")
        await page.until(phase="idle", role="", relay="closed")
        assert await page.tab.locator("#roles input:checked").count() == 0
        assert await page.element("start").is_disabled()
        assert await page.element("candidate-count").inner_text() == "0"
    await offerer.choose("answerer")
    await answerer.choose("offerer")
    await offerer.press("start")
    await answerer.press("start")
    await offerer.connected()
    assert answerer.sent_of("offer") != []


async def test_partner_that_reloads_is_called_again(call_page: OpenCallPage, relay: Relay) -> None:
    offerer, answerer = await call(call_page, relay)
    for page, other in ((answerer, offerer), (offerer, answerer)):
        await page.tab.reload()
        await page.connected()
        await other.connected()


async def test_call_outlives_the_relay(call_page: OpenCallPage) -> None:
    async with Relay(RelayConfig(port=0)) as relay:
        port = relay.address[1]
        offerer, answerer = await call(call_page, relay)
    for page in (offerer, answerer):
        await page.until(relay="retrying", connection="connected")
        await page.frames(3)
    async with Relay(RelayConfig(port=port)) as relay:
        for page in (offerer, answerer):
            await page.until(relay="open")
            await page.frames(3)
        assert len(answerer.sent_of("answer")) == 1, "a new relay is no reason for a new call"
        await answerer.press("stop")
        await offerer.until(phase="waiting-started")
        await answerer.press("start")
        await offerer.connected()
        await answerer.connected()


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_page_whose_socket_is_lost_comes_back(call_page: OpenCallPage, relay: Relay, role: str) -> None:
    """The partner was told that we left: both sides need a new connection."""
    async with Proxy(*relay.address) as proxy:
        page = await call_page(relay.page_url, role=role, room="lab", server=proxy.url, start=True)
        await page.until(phase="waiting-started")
        other = await call_page(relay.page_url, role=Role(role).other, room="lab", start=True)
        await other.connected()
        proxy.cut()
        await other.until_received("peer-disconnected")
        await other.until_received("ready", 2)
        await other.until_received("offer" if role == "offerer" else "answer", 2)
        await other.connected()
        await page.connected()
        await page.until(relay="open")


async def test_silent_network_is_noticed_and_the_call_goes_on(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    """Nobody is told that the connection is lost: the page finds out, and takes its place in the room again."""
    context = await (await chromium()).new_context()
    await context.clock.install()
    async with Proxy(*relay.address) as proxy:
        page = await call_page(
            relay.page_url, context=context, role="offerer", room="lab", server=proxy.url, start=True
        )
        other = await call_page(relay.page_url, role="answerer", room="lab", start=True)
        await page.until(connection="connected")
        await other.connected()
        proxy.silence()
        await context.clock.fast_forward(20_000)  # time for a ping...
        await context.clock.fast_forward(10_000)  # ... and for a pong
        await page.until(relay="retrying")
        await context.clock.fast_forward(5_000)
        await page.until(relay="open")
        await page.frames(3)
    assert [message["type"] for message in other.received].count("peer-disconnected") == 0
    assert len(page.sent_of("offer")) == 1


JOIN = """
(url) => {
  const made = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(url) {
      super(url);
      made.push(url);
    }
  };
  const signaling = new call.WebSocketSignaling(url);
  const join = () => signaling.join({ role: "offerer" });
  const states = { open: Promise.withResolvers(), "open again": Promise.withResolvers() };
  signaling.onstate = (state) => {
    if (state === "retrying") queueMicrotask(join); // as soon as the timer is set
    if (state === "open") states[made.length === 1 ? "open" : "open again"].resolve();
  };
  join();
  return { made, states };
}
"""


async def test_joining_while_a_retry_is_due_makes_one_socket(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    """Two would be two clients: the page would meet itself, or find its room full."""
    context = await (await chromium()).new_context()
    await context.clock.install()
    page = await call_page(relay.page_url, context=context)
    async with Proxy(*relay.address) as proxy:
        signaling = await page.tab.evaluate_handle(JOIN, proxy.url)
        await signaling.evaluate("({ states }) => states.open.promise")
        proxy.cut()
        await signaling.evaluate("({ states }) => states['open again'].promise")
        await context.clock.fast_forward(10_000)  # past any retry
        assert await signaling.evaluate("({ made }) => made") == [proxy.url] * 2


async def test_page_opened_before_its_relay_joins_when_there_is_one(call_page: OpenCallPage, static_site: str) -> None:
    async with Relay(RelayConfig(port=0)) as relay:
        host, port = relay.address
        server = relay.url
    page = await call_page(static_site, role="offerer", room="lab", server=server, start=True)
    await page.until(relay="retrying", phase="retrying-relay")
    async with Relay(RelayConfig(host=host, port=port)) as relay:
        await page.until(relay="open")
        other = await call_page(relay.page_url, role="answerer", room="lab", start=True)
        await page.connected()
        await other.connected()


async def test_third_page_is_told_that_the_room_is_full(call_page: OpenCallPage, relay: Relay) -> None:
    _, answerer = await call(call_page, relay)
    third = await call_page(relay.page_url, room="lab", role="answerer", start=True)
    assert "two people already" in await third.notice("relay")
    await third.until(phase="refused")
    await answerer.press("stop")
    await third.connected()
