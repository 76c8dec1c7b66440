"""Five percent of packets lost on a line of 50 ms: pictures recover without lasting damage, and sound stays whole."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Playwright

from tests.browser.conftest import playwright  # noqa: F401 - a fixture
from tests.browser.media import Reading, pictures
from tests.browser.tabs import open_browser, start_call
from tests.network.namespaces import Namespace, Network
from tests.network.peers import PORT, peer, start_relay
from tests.network.processes import Process
from tests.network.router import Router
from tests.network.shaping import Conditions
from tests.network.watcher import FPS, GOOD_DB

pytestmark = pytest.mark.timeout(200)  # on a machine that has much else to do

POOR = Conditions(delay=0.025, loss=0.05)
SECONDS = 5
ATTEMPTS = 5


class Line(NamedTuple):
    """Two hosts with a line between them, and a relay on the first."""

    alice: Namespace
    bob: Namespace
    router: Router
    url: str


@pytest.fixture
def line(network: Network) -> Iterator[Line]:
    alice, bob = network.namespace("alice"), network.namespace("bob")
    with Router(alice, bob) as router, start_relay(alice):
        alice.route("default", via=router.b_address)
        bob.route("default", via=router.a_address)
        yield Line(alice, bob, router, f"ws://{router.a_address}:{PORT}")


class Watching:
    """A watcher's process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def ask(self) -> dict[str, Any]:
        """What it judged since the last time."""
        start = len(self._process.stdout)
        self._process.send("judge")
        judgement: dict[str, Any] = json.loads(self._process.wait_for(r".*judgement.*", start=start)[0])
        return judgement

    def wait_for_pictures(self, timeout: float = 40.0) -> None:
        """Until pictures come."""
        deadline = time.monotonic() + timeout
        while self.ask()["pictures"] < 5:
            assert time.monotonic() < deadline, "no pictures came"
            time.sleep(0.2)


@contextmanager
def watching(host: Namespace, role: str, url: str, **options: Any) -> Iterator[Watching]:
    command = (sys.executable, "-m", "tests.network.watcher", role, url, json.dumps(options))
    with host.start(*command) as process:
        process.wait_for('"joined"', timeout=30)
        yield Watching(process)


def assert_undamaged(judged: dict[str, Any]) -> None:
    """Whatever came can be read, came in order, and is like what was sent."""
    assert judged["pictures"] > 0
    assert judged["repeated"] == judged["unreadable"] == 0
    damaged = [likeness for likeness in judged["decibels"] if likeness < GOOD_DB]
    assert len(damaged) <= 0.02 * judged["pictures"], damaged


def is_fluent(judged: dict[str, Any]) -> bool:
    """Enough came, without long pauses, and the sound was the tone, without a gap."""
    return (
        judged["pictures"] > 0.7 * FPS * SECONDS
        and judged["longest_pause"] < 1.0
        and judged["sound_seconds"] > 0.9 * SECONDS
        and judged["tone_share"] > 0.95
        and judged["gaps"] == 0
    )


def test_between_two_peers(line: Line) -> None:
    with ExitStack() as stack:
        ends = [stack.enter_context(watching(line.alice, "offerer", line.url))]
        ends.append(stack.enter_context(watching(line.bob, "answerer", line.url)))
        for end in ends:
            end.wait_for_pictures()
        line.router.set(toward_a=POOR, toward_b=POOR)
        fluent = [False, False]
        judged: list[list[dict[str, Any]]] = []
        while not all(fluent) and len(judged) < ATTEMPTS:
            time.sleep(SECONDS)
            judged.append([end.ask() for end in ends])
            for judgement in judged[-1]:
                assert_undamaged(judgement)
            fluent = [so_far or is_fluent(one) for so_far, one in zip(fluent, judged[-1], strict=True)]
        told = [[{**one, "decibels": min(one["decibels"]), "delays": 0} for one in both] for both in judged]
        assert all(fluent), f"the machine may be busy, but not all the time: {told}"
        assert min(counters.lost for counters in line.router.counters()) > 20
        line.router.set(toward_a=Conditions(), toward_b=Conditions())
        time.sleep(1)
        for end in ends:
            end.ask()
        time.sleep(1)
        for end in ends:  # nothing of it stays
            assert min(end.ask()["decibels"]) > GOOD_DB


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
async def test_with_a_browser(kind: str, line: Line, tmp_path: Path, playwright: Playwright) -> None:  # noqa: F811
    """The browser shows the test picture; what it sends decodes without end."""
    with peer(line.bob, "offerer", line.url, "--size", "640x360", "--fps", "30") as ours:
        async with open_browser(kind, line.alice, tmp_path, playwright, devices=True) as tab:
            await start_call(tab, f"http://localhost:{PORT}/", role="answerer")
            await asyncio.to_thread(ours.wait_for_media)
            await pictures(tab.run, 20)
            line.router.set(toward_a=POOR, toward_b=POOR)
            await asyncio.sleep(2)
            before = await asyncio.to_thread(ours.frames)
            started = time.monotonic()
            shown: list[Reading] = await pictures(tab.run, 120)
            received = await asyncio.to_thread(ours.frames) - before
            seconds = time.monotonic() - started
            assert min(counters.lost for counters in line.router.counters()) > 20
    pauses = [later.now - sooner.now for sooner, later in itertools.pairwise(shown)]
    assert max(pauses) < 1500
    assert received > 5 * seconds
