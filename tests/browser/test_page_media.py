"""Camera and microphone: what the page says when one does not open, and the call that is possible all the same."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import (
    ALLOW_DEVICES,
    AUTOPLAY,
    FAKE_DEVICES,
    INSECURE_HOST,
    USUAL,
    LaunchChromium,
    OpenCallPage,
)

DENY_DEVICES = "--deny-permission-prompts"
NO_CAMERA = f"{FAKE_DEVICES}=device-count=0"
AUTOPLAY_AFTER_CLICK = "--autoplay-policy=document-user-activation-required"
DEVICES = (Path("/dev/video0"), Path("/dev/snd"))

BUSY = """
// What a browser does when another program holds the device: the made-up camera is never busy.
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (constraints) => {
  if (constraints.video) throw new DOMException("Could not start video source", "NotReadableError");
  return open(constraints);
};
"""


async def call_without_camera(
    call_page: OpenCallPage, relay: Relay, context: BrowserContext, role: str = "answerer", url: str = ""
) -> CallPage:
    """A page that lacks devices, in a call with one that has them: it sees all the same."""
    page = await call_page(url or relay.page_url, context=context, role=role, room="lab", start=True)
    await page.until(phase="waiting-started")
    await call_page(relay.page_url, role="offerer", room="lab", start=True)
    await page.connected()
    return page


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_denied(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay, role: str) -> None:
    browser = await chromium(flags=(FAKE_DEVICES, DENY_DEVICES, AUTOPLAY))
    page = await call_without_camera(call_page, relay, await browser.new_context(), role)
    assert "Camera and microphone are blocked" in await page.notice("media")
    assert await page.element("local-frame").is_hidden()
    assert await page.element("microphone").is_disabled()
    assert await page.element("camera").is_disabled()


async def test_only_the_camera_denied(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium(flags=(FAKE_DEVICES, DENY_DEVICES, AUTOPLAY))
    context = await browser.new_context(permissions=["microphone"])
    page = await call_without_camera(call_page, relay, context)
    assert "The camera is blocked" in await page.notice("media")
    assert await page.element("microphone").is_enabled()
    assert await page.element("camera").is_disabled()


@pytest.mark.skipif(any(map(Path.exists, DEVICES)), reason="This machine has a camera or a microphone.")
async def test_not_found(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium(flags=(ALLOW_DEVICES, AUTOPLAY))
    page = await call_without_camera(call_page, relay, await browser.new_context())
    assert "No camera or microphone was found" in await page.notice("media")


async def test_only_the_camera_not_found(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium(flags=(NO_CAMERA, ALLOW_DEVICES, AUTOPLAY))
    page = await call_without_camera(call_page, relay, await browser.new_context())
    assert "No camera was found" in await page.notice("media")
    assert await page.element("microphone").is_enabled()


async def test_busy(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    context = await (await chromium()).new_context()
    await context.add_init_script(BUSY)
    page = await call_without_camera(call_page, relay, context)
    assert "The camera is in use by another program" in await page.notice("media")
    assert await page.element("microphone").is_enabled()


async def test_insecure_context(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium(flags=(*USUAL, f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"))
    url = f"http://{INSECURE_HOST}:{relay.address[1]}/"
    page = await call_without_camera(call_page, relay, await browser.new_context(), url=url)
    assert not await page.tab.evaluate("() => isSecureContext")
    assert "only to secure pages" in await page.notice("media")


async def test_two_tabs_need_a_secure_page(call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay) -> None:
    browser = await chromium(flags=(*USUAL, f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"))
    url = f"http://{INSECURE_HOST}:{relay.address[1]}/"
    page = await call_page(url, context=await browser.new_context(), signaling="local", role="offerer")
    assert "need a page from https" in await page.notice("signaling")
    await page.until(phase="refused")


async def test_notice_can_be_dismissed_and_goes_with_the_next_start(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    browser = await chromium(flags=(NO_CAMERA, ALLOW_DEVICES, AUTOPLAY))
    page = await call_page(relay.page_url, context=await browser.new_context(), role="offerer", start=True)
    await page.tab.locator(".notice .dismiss").click()
    assert await page.element("notices").inner_text() == ""
    await page.press("stop")
    await page.press("start")
    assert "No camera" in await page.notice("media")


async def test_camera_that_opens_after_stop_is_closed_again(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="offerer")
    await page.tab.evaluate(
        """() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (constraints) => {
            await new Promise((resolve) => (globalThis.allow = resolve));  // a person who takes their time
            return (globalThis.stream = await open(constraints));
          };
        }"""
    )
    await page.press("start")
    await page.until(phase="asking")
    await page.press("stop")
    ended = """
      async () => {
        allow();
        while (!globalThis.stream) await new Promise(requestAnimationFrame);
        while (stream.getTracks().some((track) => track.readyState === "live"))
          await new Promise(requestAnimationFrame);
      }
    """
    await page.tab.evaluate(ended)
    await page.until(phase="stopped")
    assert await page.element("local-frame").is_hidden()


async def test_microphone_and_camera_can_be_switched_off(call_page: OpenCallPage, relay: Relay) -> None:
    page = await call_page(relay.page_url, role="offerer", room="lab", start=True)
    other = await call_page(relay.page_url, role="answerer", room="lab", start=True)
    await page.connected()
    assert await other.tone() > 0
    assert (await other.luma()).max() > 60
    await page.press("microphone")
    await page.press("camera")
    assert await page.element("microphone").get_attribute("aria-pressed") == "false"
    assert await page.element("local-off").is_visible()
    while (await other.luma()).max() > 60:
        pass  # the last frames are still on their way
    heard = """
      async () => {
        const [track] = document.getElementById("remote").srcObject.getAudioTracks();
        const context = new AudioContext();
        const analyser = new AnalyserNode(context, { fftSize: 32768 });
        context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        do {  // until what is in the buffers is played, and the analyser's 0.7 s hold nothing but silence
          await new Promise((resolve) => setTimeout(resolve, 200));
          analyser.getFloatTimeDomainData(samples);
        } while (context.currentTime < 1 || samples.some((sample) => Math.abs(sample) > 0.001));
      }
    """
    await other.tab.evaluate(heard)
    await page.press("camera")
    while (await other.luma()).max() < 60:
        pass


async def test_sound_that_may_not_play_waits_for_a_click(
    call_page: OpenCallPage, chromium: LaunchChromium, relay: Relay
) -> None:
    browser = await chromium(flags=(FAKE_DEVICES, DENY_DEVICES, AUTOPLAY_AFTER_CLICK))
    other = await call_page(relay.page_url, role="offerer", room="lab", start=True)
    page = await CallPage.in_context(await browser.new_context())
    # Whatever Playwright evaluates in a tab counts as a click there: until it rings, look at the other side only.
    await page.tab.goto(f"{relay.page_url}?role=answerer&room=lab&start")
    await other.until(connection="connected")
    await page.connected()  # the picture moves, without sound
    assert await page.element("remote").evaluate("(video) => video.muted")
    await page.press("hear")
    assert not await page.element("remote").evaluate("(video) => video.muted || video.paused")
    assert await page.element("hear").is_hidden()
    assert page.problems == []
