"""The partner comes and goes in every way a browser can: the peer is in a call again each time, by itself."""

import asyncio
import contextlib
import os
import signal
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Error

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import USUAL, LaunchChromium, OpenCallPage
from tests.browser.media import assert_tone, pictures
from tests.browser.peers import SMALL, PeerProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}
ENOUGH = 20
"""Pictures that have come through when media is said to flow."""


async def assert_flows(page: CallPage, peer: PeerProcess) -> None:
    """A new call: the page shows what the peer sends live. What comes back is counted when the call has ended."""
    await peer.event("connected")
    await page.until(connection="connected")
    readings = await pictures(page.tab.evaluate, ENOUGH)
    assert readings[-1].counter > readings[0].counter


async def assert_ended(peer: PeerProcess) -> None:
    """The peer noticed at once that the partner is gone, and had got picture and sound from it."""
    ended = await peer.event("call-ended")
    # The relay says so, or the end of DTLS: whichever is first.
    assert ended["reason"] in ("the partner left", "the partner closed the connection")
    assert ended["received"]["video_frames"] > 0
    assert ended["received"]["audio_frames"] > 0
    await peer.event("waiting")


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_ten_reloads_in_a_row(role: str, relay: Relay, call_page: OpenCallPage, start_peer: StartPeer) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL)
    page = await call_page(relay.page_url, role=OTHER[role], start=True)
    await assert_flows(page, peer)
    for _ in range(10):
        await page.tab.reload()
        await assert_ended(peer)
        await assert_flows(page, peer)
    await assert_tone(page.tab.evaluate)
    assert len(peer.seen("connected")) == 11
    assert peer.seen("problem") == []
    peer.interrupt()


async def test_tab_is_closed_and_another_opened(relay: Relay, call_page: OpenCallPage, start_peer: StartPeer) -> None:
    peer = start_peer(relay.url, "--role", "offerer", *SMALL)
    page = await call_page(relay.page_url, role="answerer", start=True)
    await assert_flows(page, peer)
    await page.tab.close()
    await assert_ended(peer)
    page = await call_page(relay.page_url, context=page.tab.context, role="answerer", start=True)
    await assert_flows(page, peer)


async def test_page_stops_and_starts_again(relay: Relay, call_page: OpenCallPage, start_peer: StartPeer) -> None:
    peer = start_peer(relay.url, "--role", "answerer", *SMALL)
    page = await call_page(relay.page_url, role="offerer", start=True)
    await assert_flows(page, peer)
    await page.press("stop")
    await assert_ended(peer)
    await page.press("start")
    await assert_flows(page, peer)


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_browser_is_killed_and_another_started(
    role: str, relay: Relay, chromium: LaunchChromium, call_page: OpenCallPage, start_peer: StartPeer
) -> None:
    peer = start_peer(relay.url, "--role", role, *SMALL)
    mark = f"--mark={uuid.uuid4()}"  # Chromium ignores it, but shows it in its command line
    browser = await chromium(flags=(*USUAL, mark))
    page = await call_page(relay.page_url, context=await browser.new_context(), role=OTHER[role], start=True)
    await assert_flows(page, peer)
    os.kill(main_process(mark), signal.SIGKILL)
    await assert_ended(peer)
    page = await call_page(relay.page_url, role=OTHER[role], start=True)
    await assert_flows(page, peer)


def main_process(mark: str) -> int:
    """The id of the process that started all others of a browser."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            if mark.encode() in arguments and not any(one.startswith(b"--type=") for one in arguments):
                found.append(int(folder.name))
    assert len(found) == 1
    return found[0]


async def test_tab_crashes(relay: Relay, call_page: OpenCallPage, start_peer: StartPeer) -> None:
    peer = start_peer(relay.url, *SMALL)
    page = await call_page(relay.page_url, role="answerer", start=True)
    await assert_flows(page, peer)
    with pytest.raises(Error, match="crash"):
        await page.tab.goto("chrome://crash")
    await assert_ended(peer)
    page = await call_page(relay.page_url, role="answerer", start=True)
    await assert_flows(page, peer)


async def test_partner_comes_back_in_the_other_role(
    relay: Relay, call_page: OpenCallPage, start_peer: StartPeer
) -> None:
    """The peer was there first: the partner is told which role is left, and obeys."""
    peer = start_peer(relay.url, *SMALL)
    page = await call_page(relay.page_url, role="answerer", start=True)
    await assert_flows(page, peer)
    await page.press("reset")
    await assert_ended(peer)
    await page.choose("offerer")
    await page.until(role="answerer")
    await page.press("start")
    await assert_flows(page, peer)


async def test_peer_comes_second_and_takes_the_role_that_is_left(
    relay: Relay, call_page: OpenCallPage, start_peer: StartPeer
) -> None:
    """Both ask to offer; then the partner comes back, and it is the peer that was there first."""
    page = await call_page(relay.page_url, role="offerer", start=True)
    await page.until(phase="waiting-started")
    peer = start_peer(relay.url, "--role", "offerer", *SMALL)
    assert (await peer.event("joined"))["role"] == "answerer"
    await assert_flows(page, peer)
    await page.press("reset")
    await assert_ended(peer)
    await page.choose("answerer")
    await page.until(role="offerer")
    await page.press("start")
    await assert_flows(page, peer)


async def test_peers_role_changes_when_it_is_started_anew(
    relay: Relay, call_page: OpenCallPage, start_peer: StartPeer
) -> None:
    """It is the page that stays, and takes whatever role is left."""
    peer = start_peer(relay.url, "--role", "offerer", *SMALL)
    page = await call_page(relay.page_url, role="answerer", start=True)
    await assert_flows(page, peer)
    await asyncio.to_thread(peer.interrupt)
    await page.until(phase="waiting-started")
    peer = start_peer(relay.url, "--role", "answerer", *SMALL)
    assert (await peer.event("joined"))["role"] == "offerer"
    await assert_flows(page, peer)
