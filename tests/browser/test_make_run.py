"""What the README promises: one command, the address that it prints, and the call is up.

On a host of its own (a network namespace), where the usual port is free.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.browser.media import assert_test_media
from tests.browser.peers import TIMEOUT
from tests.browser.tabs import open_browser
from tests.network.namespaces import Network

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

ROOT = Path(__file__).parents[2]
HAS_DEVICES = Path("/dev/snd").exists() or any(Path("/dev").glob("video*"))
TEST_MEDIA = {"PEER_VIDEO": "test", "PEER_AUDIO": "test"} if HAS_DEVICES else {}
"""Where there is a camera, `make run` shows it; here it has to be the test picture."""


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
async def test_the_address_that_is_printed_leads_into_the_call(
    kind: str, playwright: Playwright, tmp_path: Path
) -> None:
    with Network() as network:
        host, neighbour = network.namespace("host"), network.namespace("neighbour")
        network.link(host, neighbour, ["10.7.0.1/24"])
        # What `make run` sets up once is there already: these tests run in it.
        make = ["make", f"--directory={ROOT}", f"BIN={Path(sys.executable).parent}", "--old-file=.venv/.run", "run"]
        with host.start(*make, env=TEST_MEDIA) as run:
            address = (await run.line(r"open in a browser on this machine: +(\S+)$", timeout=TIMEOUT))[1]
            assert address == "http://localhost:8080/?role=answerer&start"
            async with open_browser(kind, host, tmp_path, playwright, devices=True) as tab:
                await tab.open(address)
                await run.line(r"^connected after .* s \(VP8, opus, ", timeout=TIMEOUT)
                await assert_test_media(tab.run)
            await run.line(r"^call ended", timeout=TIMEOUT)
            received = await run.line(r"^ +received +(\d+) pictures, .*, ([\d.]+) s of sound", timeout=TIMEOUT)
            assert int(received[1]) > 10
            assert float(received[2]) > 1
            await run.line("^waiting for a partner", timeout=TIMEOUT)
            os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does
            await asyncio.to_thread(run.wait, TIMEOUT)
            assert not [line for line in run.stderr if not line.startswith("make: ")]
