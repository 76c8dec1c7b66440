"""Firefox is started, driven, killed and kept from speaking to anyone, as the tests of calls need it."""

import contextlib
import functools
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.firefox import Firefox, firefox_fixture  # noqa: F401 - the fixture `firefox`
from tests.network.errors import HarnessError
from tests.network.namespaces import Network

ETH_P_ALL = 0x0003  # linux/if_ether.h: packets of every protocol
PAGE = """<!doctype html><title>Page</title><script>
var visits = Number(sessionStorage.visits || 0) + 1; sessionStorage.visits = visits;
</script>"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The address of a page on localhost."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(PAGE)
    handler = functools.partial(QuietHandler, directory=tmp_path / "site")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


OFFER = """
    return (async () => {
        const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
        const connection = new RTCPeerConnection();
        stream.getTracks().forEach(track => connection.addTrack(track, stream));
        const complete = new Promise(done => connection.onicecandidate = e => e.candidate || done());
        await connection.setLocalDescription();
        await complete;
        return connection.localDescription.sdp;
    })();
"""


def test_opens_a_page_and_offers_its_camera(firefox: Firefox, page: str) -> None:
    firefox.open(page)
    assert firefox.run("return document.title") == "Page"
    assert firefox.run("return arguments[0] + arguments[1]", 2, 3) == 5
    sdp = firefox.run(OFFER)
    assert "m=video" in sdp
    assert "m=audio" in sdp
    assert "VP8/90000" in sdp
    assert "a=candidate:" in sdp

    firefox.run("""
        const video = document.body.appendChild(document.createElement("video"));
        video.id = "camera";
        return navigator.mediaDevices.getUserMedia({video: true}).then(s => { video.srcObject = s; video.play(); });
    """)
    firefox.wait_for("return document.getElementById('camera').mozPaintedFrames > 5")
    assert firefox.pictures_shown("camera") > 5

    firefox.reload()
    assert firefox.wait_for("return window.visits") == 2
    firefox.new_tab(page)
    assert firefox.run("return window.visits") == 1
    firefox.close_tab()
    assert firefox.run("return window.visits") == 2

    with pytest.raises(HarnessError, match=r"not true in 0\.1 s: 'return false'"):
        firefox.wait_for("return false", timeout=0.1)
    with pytest.raises(Exception, match="ReferenceError"):
        firefox.run("return nonsense")


def test_kill_leaves_no_process(firefox: Firefox, page: str) -> None:
    firefox.open(page)
    group = firefox.pid
    assert len(running(group)) > 2  # the page has a process of its own
    firefox.kill()
    deadline = time.monotonic() + 5
    while running(group) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running(group) == []
    with pytest.raises(HarnessError, match="was killed"):
        firefox.run("return 1")


def running(group: int) -> list[str]:
    """The names of the living processes of a process group."""
    names = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            state, _, process_group, *_ = (process / "stat").read_text().rpartition(")")[2].split()
            if int(process_group) == group and state not in "ZX":
                names.append((process / "comm").read_text().strip())
    return names


def test_in_a_namespace_it_speaks_to_no_one(tmp_path: Path) -> None:
    """Every packet that leaves the host is looked at, with a way out and a name server on offer."""
    with Network() as network:
        host, provider = network.namespace("host"), network.namespace("provider")
        network.link(host, provider, ["10.1.0.1/24", "fd01::1/64"], ["10.1.0.254/24", "fd01::254/64"])
        host.route("default", via="10.1.0.254")
        host.ip("-6", "route", "add", "default", "via", "fd01::254")
        host.use_nameserver("10.1.0.254")
        with provider.entered():
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        with tap, Firefox(tmp_path / "firefox", namespace=host) as firefox:
            tap.settimeout(0)
            firefox.open("data:text/html,<title>still</title>")
            assert firefox.run("return document.title") == "still"
            firefox.run("return new Promise(done => setTimeout(done, 3000))")  # what it does when it settles
            assert spoken(tap) == []
            firefox.run("return fetch('http://10.1.0.254:8080/').catch(String)")
            assert spoken(tap) != []  # the tap taps


def spoken(tap: socket.socket) -> list[bytes]:
    """The TCP and UDP packets that have come by: not those of the kernel itself, such as ARP and ICMPv6."""
    packets = []
    with contextlib.suppress(BlockingIOError):
        while True:
            packet, (_, _, kind, *_) = tap.recvfrom(65536)
            protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
            if kind != socket.PACKET_OUTGOING and protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                packets.append(packet)
    return packets
