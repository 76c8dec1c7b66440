"""The page in Firefox calls the page in Chromium, whoever offers."""

import asyncio

import pytest

from signaling.messages import Role
from signaling.relay import Relay
from tests.browser.callpage import TIMEOUT_MS
from tests.browser.conftest import OpenCallPage
from tests.browser.firefox import Firefox, firefox_fixture  # noqa: F401 - the fixture `firefox`


async def until(firefox: Firefox, condition: str) -> None:
    """Wait for something about the root element of Firefox's page, as a selector."""
    script = "return document.querySelector(arguments[0])"
    await asyncio.to_thread(firefox.wait_for, script, f":root{condition}", timeout=TIMEOUT_MS / 1000)


@pytest.mark.parametrize("role", [Role.OFFERER, Role.ANSWERER])
async def test_firefox_calls_chromium(call_page: OpenCallPage, relay: Relay, firefox: Firefox, role: Role) -> None:
    url = f"{relay.page_url}?role={role}&room=lab"
    await asyncio.to_thread(firefox.open, f"{url}&start")
    await until(firefox, "[data-phase=waiting-started]")
    page = await call_page(relay.page_url, role=role.other, room="lab", start=True)
    await page.connected()
    assert (await page.luma()).std() > 0
    await until(firefox, "[data-connection=connected]")
    await asyncio.to_thread(
        firefox.wait_for,
        "return document.getElementById('statistics').innerText.includes('↓')",
        timeout=TIMEOUT_MS / 1000,
    )
    await page.press("stop")
    await until(firefox, "[data-phase=waiting-started]")
    await page.press("start")
    await page.connected()
    await asyncio.to_thread(firefox.open, f"{url}&start")
    await page.until_received("ready", 3)
    await until(firefox, "[data-connection=connected]")
    await page.connected()
    assert await asyncio.to_thread(firefox.run, "return document.getElementById('notices').innerText") == ""
