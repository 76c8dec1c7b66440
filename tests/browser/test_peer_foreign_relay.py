"""A relay that knows only the fixed half of the protocol (foreign/relay.py), with a peer and the page, or two peers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.browser.callpage import CallPage
from tests.browser.conftest import OpenCallPage
from tests.browser.foreign.relay import ForeignRelay
from tests.browser.media import Recorded, assert_test_media, pictures
from tests.browser.peers import SMALL, TIMEOUT, PeerProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}
Open = Callable[[str], Awaitable[CallPage]]


@pytest.fixture
async def foreign_relay() -> AsyncIterator[ForeignRelay]:
    async with ForeignRelay() as relay:
        yield relay


@pytest.fixture
def open_page(call_page: OpenCallPage, static_site: str, foreign_relay: ForeignRelay) -> Open:
    """`await open_page(role)` starts a page, served by a web server, on the foreign relay."""

    async def open_it(role: str) -> CallPage:
        return await call_page(static_site, role=role, signaling="ws", server=foreign_relay.url, start=True)

    return open_it


@pytest.mark.parametrize(("role", "first"), [("offerer", "page"), ("answerer", "page"), ("offerer", "peer")])
async def test_page_and_peer(
    role: str, first: str, foreign_relay: ForeignRelay, open_page: Open, start_peer: StartPeer, tmp_path: Path
) -> None:
    options = ["--role", role, *SMALL, "--record", str(tmp_path / "call.mp4")]
    if first == "page":
        page = await open_page(OTHER[role])
        await page.until(phase="waiting-started")
        peer = start_peer(foreign_relay.url, *options)
    else:
        peer = start_peer(foreign_relay.url, *options)
        await peer.event("waiting")
        page = await open_page(OTHER[role])
    await peer.event("connected")
    await page.connected()
    await assert_test_media(page.tab.evaluate)
    await asyncio.to_thread(peer.interrupt)
    await asyncio.to_thread(lambda: Recorded.of(tmp_path / "call.mp4").assert_is_chromium())
    await page.until(phase="waiting-started", role=OTHER[role])


async def assert_peers_call(one: PeerProcess, other: PeerProcess, folder: Path) -> None:
    """Two peers that record to one.mp4 and other.mp4 get each other's test picture and tone, until the first ends."""
    await asyncio.gather(one.event("connected"), other.event("connected"))
    assert (await one.event("call-ended"))["received"]["video_frames"] > 10
    assert (await other.event("call-ended"))["received"]["video_frames"] > 10
    assert await asyncio.to_thread(one.process.wait) == 0
    await asyncio.to_thread(other.interrupt)
    for name in ("one", "other"):
        recording = await asyncio.to_thread(Recorded.of, folder / f"{name}.mp4")
        recording.assert_is_peer()


@pytest.mark.parametrize("asked", ["offerer", "answerer"])
async def test_two_peers_ask_for_one_role(
    asked: str, foreign_relay: ForeignRelay, start_peer: StartPeer, tmp_path: Path
) -> None:
    options = [foreign_relay.url, "--role", asked, *SMALL, "--record"]
    one = start_peer(*options, str(tmp_path / "one.mp4"), "--duration", "4")
    assert (await one.event("joined"))["role"] == asked
    other = start_peer(*options, str(tmp_path / "other.mp4"))
    assert (await other.event("joined"))["role"] == OTHER[asked]
    await assert_peers_call(one, other, tmp_path)


async def test_two_peers_both_told_to_offer(start_peer: StartPeer, tmp_path: Path) -> None:
    """By a relay that never looks at roles: one of the two offers gives way."""
    async with ForeignRelay(settles_roles=False) as relay:
        options = [relay.url, "--role", "offerer", *SMALL, "--record"]
        one = start_peer(*options, str(tmp_path / "one.mp4"), "--duration", "4")
        other = start_peer(*options, str(tmp_path / "other.mp4"))
        await assert_peers_call(one, other, tmp_path)
        assert {one.seen("joined")[0]["role"], other.seen("joined")[0]["role"]} == {"offerer"}


@pytest.mark.parametrize("role", ["offerer", "answerer"])
async def test_relay_is_killed_in_the_middle_of_a_call_and_comes_back(
    role: str, foreign_relay: ForeignRelay, open_page: Open, start_peer: StartPeer
) -> None:
    page = await open_page(OTHER[role])
    await page.until(phase="waiting-started")
    peer = start_peer(foreign_relay.url, "--role", role, *SMALL)
    await peer.event("connected")
    before = (await pictures(page.tab.evaluate, 20))[-1]

    await foreign_relay.kill()
    await peer.event("problem")
    await page.until(relay="retrying")
    without = (await pictures(page.tab.evaluate, 20))[-1]
    assert without.counter > before.counter
    await foreign_relay.start()
    async with asyncio.timeout(TIMEOUT):
        await foreign_relay.pair(2)
    await page.until(relay="open", connection="connected")
    after = await pictures(page.tab.evaluate, 40)
    assert after[0].counter > without.counter
    assert len(peer.seen("connected")) == 1  # it is still the same call
    assert peer.seen("call-ended") == []

    await page.tab.reload()
    assert (await peer.event("call-ended"))["received"]["video_frames"] > 0
    await peer.event("connected")
    await page.until(connection="connected")
    assert (await pictures(page.tab.evaluate, 20))[0].counter < after[-1].counter  # it counts anew


async def test_room_is_full(foreign_relay: ForeignRelay, start_peer: StartPeer) -> None:
    options = [foreign_relay.url, "--room", "lab", *SMALL]
    one, other = start_peer(*options), start_peer(*options)
    await asyncio.gather(one.event("connected"), other.event("connected"))
    third = start_peer(*options)
    ended = await third.event("ended")
    assert (ended["exit_code"], await asyncio.to_thread(third.process.wait)) == (4, 4)
    assert "The room is full;" in ended["error"]
    assert third.process.stderr == []
    assert one.seen("call-ended") == other.seen("call-ended") == []
