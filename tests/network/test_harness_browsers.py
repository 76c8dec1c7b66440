"""Browsers inside namespaces: they see that network and no other."""

from pathlib import Path

from playwright.async_api import async_playwright

from tests.browser.firefox import HIDDEN_ADDRESSES, Firefox
from tests.network.namespaces import Namespace, Network

CANDIDATES = """
    async () => {
        const connection = new RTCPeerConnection();
        connection.createDataChannel("any");
        const found = [];
        const complete = new Promise(done => connection.onicecandidate = e =>
            e.candidate ? found.push(e.candidate.candidate) : done());
        await connection.setLocalDescription();
        await complete;
        return found.join(" ");
    }
"""


def host(network: Network) -> Namespace:
    """A host with an address and a default route, which browsers need to find out their address."""
    host, other = network.namespace("host"), network.namespace("other")
    network.link(host, other, ["10.1.0.1/24"], ["10.1.0.2/24"])
    host.route("default", via="10.1.0.2")
    return host


async def test_chromium_in_a_namespace(network: Network, tmp_path: Path) -> None:
    chromium = host(network).launcher("/usr/bin/chromium", tmp_path)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-features=WebRtcHideLocalIpsWithMdns"],
        )
        page = await browser.new_page()
        assert "10.1.0.1" in await page.evaluate(CANDIDATES)
        await browser.close()


def test_firefox_in_a_namespace_shows_its_address_or_hides_it(network: Network, tmp_path: Path) -> None:
    namespace = host(network)
    for name, preferences in (("shown", {}), ("hidden", HIDDEN_ADDRESSES)):
        with Firefox(tmp_path / name, namespace=namespace, preferences=preferences) as firefox:
            firefox.open("data:text/html,<title>any</title>")
            candidates = firefox.run(f"return ({CANDIDATES})()")
            assert ("10.1.0.1" in candidates) is (name == "shown")
            assert (".local" in candidates) is (name == "hidden")
