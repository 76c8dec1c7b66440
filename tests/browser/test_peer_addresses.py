"""Browsers whose addresses are hidden behind mDNS names, or are IPv6 only.

They are on hosts of their own (network namespaces), so that multicast goes no further than these.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.browser.media import assert_test_media
from tests.browser.peers import SMALL, RelayProcess, StartPeer, start_peer_fixture  # noqa: F401 - a fixture
from tests.browser.tabs import SENT_CANDIDATES, open_browser, start_call
from tests.network.namespaces import Namespace, Network

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

OTHER = {"offerer": "answerer", "answerer": "offerer"}
BROWSERS = ["chromium", "firefox"]
MDNS_PORT = 5353


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts with a link between them, which carries multicast."""
    with Network() as network:
        one, other = network.namespace("one"), network.namespace("other")
        network.link(one, other, ["10.7.0.1/24"], ["10.7.0.2/24"])
        for host in (one, other):
            host.route("default", via="10.7.0.2" if host is one else "10.7.0.1")  # browsers find their address by it
        yield one, other


def firewall(host: Namespace, rules: str) -> None:
    """Drop what `rules` say of what arrives at a host."""
    host.nft(f"table inet firewall {{ chain arriving {{ type filter hook input priority 0; {rules} }}; }}\n")


@pytest.mark.parametrize("role", ["offerer", "answerer"])
@pytest.mark.parametrize("kind", BROWSERS)
async def test_names_that_nobody_can_look_up(
    kind: str,
    role: str,
    hosts: tuple[Namespace, Namespace],
    playwright: Playwright,
    start_peer: StartPeer,
    tmp_path: Path,
) -> None:
    """The browser's checks show the peer where it is."""
    host, _ = hosts
    firewall(host, f"udp dport {MDNS_PORT} drop;")
    with RelayProcess(namespace=host) as relay:
        async with open_browser(kind, host, tmp_path, playwright, devices=False) as tab:
            peer = start_peer(relay.url, "--role", role, *SMALL, namespace=host)
            await start_call(tab, relay.page_url, role=OTHER[role])
            assert (await peer.event("connected"))["path"] == "host-prflx"
            await assert_test_media(tab.run)
            sent = await tab.run(SENT_CANDIDATES)
            assert any(".local " in candidate for candidate in sent)
            assert not any("10.7.0.1" in candidate for candidate in sent)


@pytest.mark.parametrize("kind", BROWSERS)
async def test_names_that_must_be_looked_up(
    kind: str, hosts: tuple[Namespace, Namespace], playwright: Playwright, start_peer: StartPeer, tmp_path: Path
) -> None:
    """A firewall lets in only answers: the peer has to send the first packet."""
    here, there = hosts
    firewall(here, f"iifname eth0 ct state new udp dport != {MDNS_PORT} drop;")
    with RelayProcess("--port", "0", "--host", "", namespace=there) as relay:
        async with open_browser(kind, there, tmp_path, playwright, devices=False) as tab:
            peer = start_peer(f"ws://10.7.0.2:{relay.port}", *SMALL, namespace=here)
            await start_call(tab, f"http://localhost:{relay.port}/", role="answerer")
            assert (await peer.event("connected"))["path"] == "host-host"
            await assert_test_media(tab.run)
            sent = await tab.run(SENT_CANDIDATES)
            assert any(".local " in candidate for candidate in sent)


async def test_names_that_lead_nowhere_are_told(
    hosts: tuple[Namespace, Namespace], playwright: Playwright, start_peer: StartPeer, tmp_path: Path
) -> None:
    """Neither names nor the browser's checks come through: the error says what is wrong, and what to do."""
    here, there = hosts
    firewall(here, "iifname eth0 ct state new meta l4proto udp drop;")
    with RelayProcess("--port", "0", "--host", "", namespace=there) as relay:
        async with open_browser("chromium", there, tmp_path, playwright, devices=False) as tab:
            peer = start_peer(f"ws://10.7.0.2:{relay.port}", "--once", "--connect-timeout", "6", namespace=here)
            await start_call(tab, f"http://localhost:{relay.port}/", role="answerer")
            ended = await peer.event("ended")
            assert "1 behind names that can't be looked up here" in ended["error"]
            assert "allow the partner's page its camera" in ended["error"]
            assert ended["exit_code"] == 5


@pytest.mark.parametrize(("kind", "devices"), [("chromium", True), ("firefox", True), ("firefox", False)])
async def test_ipv6_only(
    kind: str, devices: bool, playwright: Playwright, start_peer: StartPeer, tmp_path: Path
) -> None:
    """Chromium without a permission is left out: it makes up no names where there is no IPv4, and so has no address."""
    with Network() as network:
        host, neighbour = network.namespace("host"), network.namespace("neighbour")
        network.link(host, neighbour, ["fd07::1/64"])
        with RelayProcess("--port", "0", "--host", "", namespace=host) as relay:
            async with open_browser(kind, host, tmp_path, playwright, devices=devices) as tab:
                peer = start_peer(f"ws://[fd07::1]:{relay.port}", *SMALL, namespace=host)
                # Firefox without a permission looks for its address in the direction of the page's.
                await start_call(
                    tab, f"http://{'localhost' if devices else '[fd07::1]'}:{relay.port}/", role="answerer"
                )
                await peer.event("connected")
                await assert_test_media(tab.run)
                sent = await tab.run(SENT_CANDIDATES)
                assert any("fd07::1" in candidate for candidate in sent) == devices
                assert any(".local " in candidate for candidate in sent) != devices
