"""Calls that have only some kinds of media: what a browser may offer, and which parts of an offer it may reject."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Playwright

from signaling.relay import Relay
from tests.browser.conftest import ALWAYS, CHROMIUM, USUAL
from tests.browser.firefox import Firefox
from tests.browser.peers import PeerProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture
from tests.browser.sites import site
from tests.browser.tabs import ChromiumTab, FirefoxTab, Tab

pytestmark = pytest.mark.timeout(150)  # on a machine that has much else to do

FOREIGN = Path(__file__).parent / "foreign"
AUDIO, VIDEO = ["audio"], ["video"]
BOTH = [*AUDIO, *VIDEO]


@dataclass(frozen=True)
class Case:
    """One call: what the page does, what each end then gets of the other, and what the peer tells."""

    does: dict[str, Any]
    page_gets: list[str]
    peer_gets: list[str]
    says: list[str] = field(default_factory=list)
    codecs: dict[str, str] | None = None


def offers(*sections: tuple[str, ...], **more: Any) -> dict[str, Any]:
    return {"sections": sections, **more}


def answers(audio: str, video: str, *reject: int, **more: Any) -> dict[str, Any]:
    return {"wishes": {"audio": audio, "video": video}, "reject": reject, **more}


NO_PICTURE = "this call has no picture: the partner offers none"
NO_SOUND = "this call has no sound: the partner offers none"
REJECTED = "the partner rejects it (no {} codec in common, or by choice)"

OFFERS = {
    "sound": Case(offers(("audio", "sendrecv")), AUDIO, AUDIO, [NO_PICTURE]),
    "picture": Case(offers(("video", "sendrecv")), VIDEO, VIDEO, [NO_SOUND]),
    "picture before sound": Case(offers(("video", "sendrecv"), ("audio", "sendrecv")), BOTH, BOTH),
    "to receive sound": Case(offers(("audio", "recvonly")), AUDIO, [], [NO_PICTURE, "the partner sends no sound"]),
    "to receive a picture": Case(offers(("video", "recvonly")), VIDEO, [], [NO_SOUND, "the partner sends no picture"]),
    "to receive": Case(
        offers(("audio", "recvonly"), ("video", "recvonly")), BOTH, [], ["the partner sends no sound and no picture"]
    ),
    "to send": Case(
        offers(("audio", "sendonly"), ("video", "sendonly")),
        [],
        BOTH,
        ["the partner takes no sound and no picture: ours is not sent"],
    ),
    "data alone": Case(offers(data=True), [], [], ["this call has no sound and no picture: the partner offers none"]),
    "all after data alone": Case(offers(("audio", "sendrecv"), ("video", "sendrecv"), data=True), BOTH, BOTH),
    "a rejected picture": Case(
        offers(("audio", "sendrecv"), ("video", "sendrecv"), reject=[1]), AUDIO, AUDIO, [NO_PICTURE]
    ),
    "rejected sound, which comes first": Case(
        offers(("audio", "sendrecv"), ("video", "sendrecv"), reject=[0]), VIDEO, VIDEO, [NO_SOUND]
    ),
    "a codec that we lack": Case(
        offers(("video", "sendrecv", "VP9"), ("audio", "sendrecv")),
        AUDIO,
        AUDIO,
        ["this call has no picture: no video codec in common"],
    ),
    "PCMU": Case(offers(("audio", "sendrecv", "PCMU")), AUDIO, AUDIO, [NO_PICTURE], {"audio": "PCMU"}),
    "PCMA": Case(offers(("audio", "sendrecv", "PCMA")), AUDIO, AUDIO, [NO_PICTURE], {"audio": "PCMA"}),
    "G722": Case(offers(("audio", "sendrecv", "G722")), AUDIO, AUDIO, [NO_PICTURE], {"audio": "G722"}),
}

ANSWERS = {
    "a codec that we lack": Case(
        answers("sendrecv", "sendrecv", codec="VP9"),
        AUDIO,
        AUDIO,
        [f"this call has no picture: {REJECTED.format('video')}"],
    ),
    "the picture stopped": Case(
        answers("sendrecv", "stopped", 1), AUDIO, AUDIO, [f"this call has no picture: {REJECTED.format('video')}"]
    ),
    "the sound stopped": Case(
        answers("stopped", "sendrecv", 0), VIDEO, VIDEO, [f"this call has no sound: {REJECTED.format('audio')}"]
    ),
    "no picture either way": Case(
        answers("sendrecv", "inactive"),
        AUDIO,
        AUDIO,
        ["the partner sends no picture", "the partner takes no picture: ours is not sent"],
    ),
    "a program without sound": Case(
        answers("inactive", "recvonly", 0),
        VIDEO,
        [],
        [f"this call has no sound: {REJECTED.format('audio')}", "the partner sends no picture"],
    ),
}


@contextlib.asynccontextmanager
async def browser_tab(kind: str, folder: Path, playwright: Playwright) -> AsyncIterator[Tab]:
    if kind == "firefox":
        with Firefox(folder / "firefox") as firefox:
            yield FirefoxTab(firefox)
        return
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ALWAYS, *USUAL])
    try:
        yield ChromiumTab(await browser.new_page())
    finally:
        await browser.close()


async def peer_gets(peer: PeerProcess, kinds: list[str]) -> list[str]:
    """The kinds that the peer has received in this call, once those of `kinds` came."""
    while True:
        received = (await peer.event("statistics"))["received"]
        got = [kind for kind in BOTH if received[f"{kind}_frames"] > 2]
        if set(got) >= set(kinds):
            return got


async def call(peer: PeerProcess, tab: Tab, doing: str, case: Case) -> None:
    """A call that takes a second at least: a peer writes a line of a kind a second."""
    pause = asyncio.create_task(asyncio.sleep(1.0))
    told = len(peer.seen("notice"))
    await tab.run(f"(it) => {doing}(it)", case.does)
    connected = await peer.event("connected")
    assert await tab.run("(it) => arrives(it)", case.page_gets) == case.page_gets
    assert await peer_gets(peer, case.peer_gets) == case.peer_gets
    assert sorted(event["message"] for event in peer.seen("notice")[told:]) == sorted(case.says)
    assert sorted(connected["codecs"]) == sorted({*case.page_gets, *case.peer_gets})
    assert case.codecs is None or connected["codecs"] == case.codecs
    await tab.run("async () => hangUp()")
    await peer.event("call-ended")
    await pause


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
@pytest.mark.parametrize(("role", "doing", "cases"), [("offerer", "offer", OFFERS), ("answerer", "answer", ANSWERS)])
async def test_a_call_of_what_both_have(
    kind: str,
    role: str,
    doing: str,
    cases: dict[str, Case],
    relay: Relay,
    playwright: Playwright,
    start_peer: StartPeer,
    tmp_path: Path,
) -> None:
    """One call after another, with one peer; nothing of one is left for the next."""
    other = "answerer" if role == "offerer" else "offerer"
    with site(FOREIGN) as port:
        async with browser_tab(kind, tmp_path, playwright) as tab:  # first: Firefox's start holds up the relay
            peer = start_peer(relay.url, "--role", other, "--size", "320x240", "--stats", "0.1")
            await peer.event("waiting")
            await tab.open(f"http://127.0.0.1:{port}/kinds.html")
            await tab.run("([relay, role]) => join(relay, role)", [relay.url, role])
            for name, case in cases.items():
                try:
                    await call(peer, tab, doing, case)
                except Exception as error:
                    error.add_note(f"case: {name}; the peer's events: {peer.process.stdout[-12:]}")
                    raise
    assert peer.seen("problem") == []
    await asyncio.to_thread(peer.interrupt)
