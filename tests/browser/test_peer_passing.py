"""Films that a peer sends as they are, without coding them anew: browsers show what is in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signaling.relay import Relay
from tests.browser.conftest import OpenCallPage
from tests.browser.firefox import Firefox, firefox_fixture  # noqa: F401 - the fixture `firefox`
from tests.browser.media import Run, assert_tone, pictures
from tests.browser.peers import PeerProcess
from tests.browser.tabs import FirefoxTab, start_call
from tests.media.mediafiles import make_file, tone

pytestmark = pytest.mark.timeout(300)  # on a machine that has much else to do

SECONDS = 20
CODED = {
    "h264": ("film.mp4", ("libx264", "aac"), {"bf": "0", "g": "60", "profile": "high", "preset": "ultrafast"}),
    "vp8": ("film.webm", ("libvpx", "libopus"), {"deadline": "realtime", "cpu-used": "8", "g": "60"}),
}


@pytest.fixture
def film(codec: str, tmp_path: Path) -> Path:
    name, codecs, coder = CODED[codec]
    sound = tone(SECONDS)
    return make_file(tmp_path / name, seconds=SECONDS, sound=sound, codecs=codecs, coder=coder | {"auto-alt-ref": "0"})


@pytest.fixture
def sender(film: Path, codec: str, relay: Relay) -> Iterator[PeerProcess]:
    options = ("--video", str(film), "--loop", "--video-codec", codec, "--role", "answerer")
    with PeerProcess("--signaling", relay.url, *options) as peer:
        yield peer


async def assert_passes(run: Run, sender: PeerProcess, film: Path, codec: str) -> None:
    """The film's pictures are seen, and its tone is heard, in the page; and the peer says that it codes nothing."""
    assert (await sender.event("connected"))["codecs"]["video"] == codec.upper()
    seen = await pictures(run, 60)
    assert {(picture.width, picture.height) for picture in seen} == {(320, 240)}
    assert seen[-1].counter - seen[0].counter < 300
    await assert_tone(run)
    said = [event["message"] for event in sender.seen("notice")]
    assert said == [f"the pictures of {film.name} are sent as they are ({codec.upper()}), without coding them anew"]


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_chromium_shows_a_film_that_is_sent_as_it_is(
    codec: str, relay: Relay, call_page: OpenCallPage, sender: PeerProcess, film: Path
) -> None:
    page = await call_page(relay.page_url, role="offerer", start=True)
    await page.connected()
    await assert_passes(page.tab.evaluate, sender, film, codec)


@pytest.mark.parametrize("codec", ["vp8"])
async def test_firefox_shows_a_film_that_is_sent_as_it_is(
    codec: str, relay: Relay, firefox: Firefox, sender: PeerProcess, film: Path
) -> None:
    tab = FirefoxTab(firefox)
    await start_call(tab, relay.page_url, role="offerer")
    await tab.until("[data-connection=connected]")
    await assert_passes(tab.run, sender, film, codec)
