"""Whose pages get the picture of a peer that runs its own relay: those of this machine, and nobody else's.

A stranger's page is one that the user merely visits. It knows how to join (foreign/stranger.js), and where.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Playwright

from tests.browser.peers import SMALL, TEST_MEDIA, TIMEOUT, PeerProcess
from tests.browser.proxy import Proxy
from tests.browser.sites import site
from tests.browser.tabs import Tab
from tests.browser.windows import FOREIGN, REBOUND, Window, open_window
from tests.network.certificates import make_certificate

pytestmark = pytest.mark.timeout(120)  # on a machine that has much else to do

STRANGERS = Path(__file__).parent / "foreign"
INTRUDE, INTRUDE_FROM_SANDBOX = "intrude", "intrudeFromSandbox"

SECRETS = {"roomId": "lab", "token": "well-known"}
"""What a stranger may have heard of."""


class Peers:
    """Two peers, each with a relay of its own: one for anybody, one with a room and a token."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._ports = [free_port() for _ in range(2)]
        secrets = ("--room", SECRETS["roomId"], "--token", SECRETS["token"])
        self._peers = [
            stack.enter_context(PeerProcess("--port", str(port), *TEST_MEDIA, *SMALL, *options))
            for port, options in zip(self._ports, [(), secrets], strict=True)
        ]

    @property
    def ways_in(self) -> list[tuple[str, dict[str, str]]]:
        """The relays' addresses, each with what its peer can be met with; the first also by a guess."""
        open_one, closed_one = (f"ws://localhost:{port}/" for port in self._ports)
        return [(open_one, {}), (open_one.replace("localhost", "127.0.0.1"), SECRETS), (closed_one, SECRETS)]

    @property
    def port(self) -> int:
        """Of the relay for anybody."""
        return self._ports[0]

    async def wait(self) -> None:
        """Until they are there to be met."""
        for peer in self._peers:
            await peer.event("waiting")

    def met(self) -> int:
        """How many partners they have had."""
        return sum(len(peer.seen("partner-ready")) for peer in self._peers)


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    with contextlib.ExitStack() as stack:
        peers = Peers(stack)
        await peers.wait()
        yield peers


async def attempt(tab: Tab, how: str, relay: str, wish: dict[str, str], until: str = "picture") -> Any:
    async with asyncio.timeout(TIMEOUT):
        return await tab.run(how, {"relay": relay, "wish": wish, "until": until})


async def assert_kept_out(tab: Tab, peers: Peers, *, how: str = INTRUDE) -> None:
    outcomes = [await attempt(tab, how, relay, wish, "joined") for relay, wish in peers.ways_in]
    assert outcomes == ["closed"] * len(outcomes)


async def assert_rebound_names_lead_nowhere(window: Window, site_port: int, relay_port: int) -> None:
    """A page whose host is found at another address once it is loaded: the relay's, of which it then seems to be."""
    async with Proxy("127.0.0.1", site_port) as rebinding:
        for host, outcome in ((REBOUND, "closed"), ("localhost", "joined")):
            rebinding.lead_to("127.0.0.1", site_port)
            authority = f"{host}:{rebinding.port}"
            tab = await window.open(f"http://{authority}/stranger.html")
            rebinding.lead_to("127.0.0.1", relay_port)
            assert await attempt(tab, INTRUDE, f"ws://{authority}/", {"roomId": "empty"}, "joined") == outcome


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
async def test_pages_of_this_machine_alone_get_the_picture(
    kind: str, peers: Peers, playwright: Playwright, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path, [FOREIGN])
    async with open_window(kind, tmp_path, playwright) as window:
        with site(STRANGERS) as http, site(STRANGERS, certificate) as https:
            for origin in f"http://{FOREIGN}:{http}", f"https://{FOREIGN}:{https}":
                tab = await window.open(f"{origin}/stranger.html")
                await assert_kept_out(tab, peers)
                await assert_kept_out(tab, peers, how=INTRUDE_FROM_SANDBOX)
            await assert_rebound_names_lead_nowhere(window, http, peers.port)
            tab = await window.open(f"http://localhost:{http}/stranger.html")
            await assert_kept_out(tab, peers, how=INTRUDE_FROM_SANDBOX)
            assert peers.met() == 0
            for relay, wish in peers.ways_in[::2]:
                assert await attempt(tab, INTRUDE, relay, wish) == "picture"
