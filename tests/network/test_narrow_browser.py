"""A browser that sends to a peer over a line of 1 Mbit/s: our feedback makes it fit in, and leaves it no slower."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.browser.conftest import playwright  # noqa: F401 - a fixture
from tests.browser.tabs import open_browser, start_call
from tests.network.namespaces import Network
from tests.network.peers import PORT, peer, start_relay
from tests.network.router import Router
from tests.network.shaping import Conditions

pytestmark = pytest.mark.timeout(200)  # on a machine that has much else to do

RATE = 1e6
SETTLING_SECONDS = 8
SECONDS = 5


async def test_chromium_fits_in(network: Network, tmp_path: Path, playwright: Playwright) -> None:  # noqa: F811
    alice, bob = network.namespace("alice"), network.namespace("bob")
    narrow = Conditions(delay=0.02, rate=RATE, queue=0.3)
    with Router(alice, bob, toward_b=narrow, toward_a=Conditions(delay=0.02)) as router, start_relay(alice):
        alice.route("default", via=router.b_address)
        bob.route("default", via=router.a_address)
        url = f"ws://{router.a_address}:{PORT}"
        with peer(bob, "offerer", url) as ours:
            async with open_browser("chromium", alice, tmp_path, playwright, devices=True) as tab:
                await start_call(tab, f"http://localhost:{PORT}/", role="answerer")
                await asyncio.to_thread(ours.wait_for_media)
                await asyncio.sleep(SETTLING_SECONDS)
                before, frames = router.counters()[1], await asyncio.to_thread(ours.frames)
                await asyncio.sleep(SECONDS)
                after, frames = router.counters()[1], await asyncio.to_thread(ours.frames) - frames
    came = after.packets - before.packets
    assert after.overflowed - before.overflowed < 0.03 * came
    assert 0.25 * RATE < (after.octets - before.octets) * 8 / SECONDS < 1.1 * RATE
    assert frames > 5 * SECONDS
