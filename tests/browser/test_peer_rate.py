"""How much a browser's video may take, over the first seconds of a call: Chromium's own figures."""

import pytest

from signaling.relay import Relay
from tests.browser.conftest import LaunchChromium, OpenCallPage
from tests.browser.peers import SMALL, StartPeer, start_peer_fixture  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(120)

SECONDS = 12.0
"""The first eight, in which it may send plenty, and some of those in which it is asked for less."""
QUIET_SECONDS = 6.0
"""In these nobody asks for less; on a busy machine, Chromium's own estimate may fall."""
KEEP_CONNECTIONS = """
globalThis.connections = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    connections.push(this);
  }
};
"""
WATCH_RATE = """
async (seconds) => {
  const readings = [];
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; ) {
    for (const one of (await connections.at(-1).getStats()).values())
      if (one.type === "outbound-rtp" && one.kind === "video" && one.targetBitrate)
        readings.push([one.timestamp / 1000, one.targetBitrate]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return readings;
}
"""
"""Times in seconds, and what its encoder was told to aim at (W3C webrtc-stats, `targetBitrate`), in bit/s."""


async def test_what_chromium_may_send_never_falls_at_once(
    relay: Relay, chromium: LaunchChromium, call_page: OpenCallPage, start_peer: StartPeer
) -> None:
    """Else what it has coded by then waits in its pacer, and its picture comes late."""
    start_peer(relay.url, "--role", "offerer", *SMALL)
    context = await (await chromium()).new_context()
    await context.add_init_script(KEEP_CONNECTIONS)
    page = await call_page(relay.page_url, context=context, role="answerer", start=True)
    await page.connected()
    readings = await page.tab.evaluate(WATCH_RATE, SECONDS)
    most = max(rate for _, rate in readings)
    assert most > 3_500_000, "it starts with plenty"
    assert readings[-1][1] < 0.95 * most, "and is asked for less"
    lowering = [(time, rate) for time, rate in readings if time > readings[0][0] + QUIET_SECONDS]
    for start, rate in lowering:
        within = [other for time, other in lowering if start <= time < start + 1]
        assert min(within) > 0.7 * rate, f"from {rate / 1e6:.1f} to {min(within) / 1e6:.1f} Mbit/s within a second"
