"""The page and the state of health, on the port of the WebSocket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import pytest
from wire import PATIENCE, BareSocket, Client, client_of, fetch

from signaling.relay import Relay

MakeClient = Callable[..., Awaitable[Client]]
StartRelay = Callable[..., Awaitable[Relay]]

PAGE = Path(str(files("signaling"))) / "page"
POLICY = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self' ws: wss:; img-src 'self' data: blob:; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


def lines(head: str) -> list[str]:
    return head.split("\r\n")


class TestPage:
    @pytest.mark.parametrize("path", ["/", "/?role=answerer&room=lab&signaling=ws&start", "/index.html"])
    async def test_it_is_at_the_root(self, relay: Relay, path: str) -> None:
        head, body = await fetch(relay.address, path)
        assert lines(head)[0] == "HTTP/1.1 200 OK"
        assert "Content-Type: text/html; charset=utf-8" in lines(head)
        assert body == (PAGE / "index.html").read_bytes()

    async def test_every_file_of_it_is_served_as_what_it_is(self, relay: Relay) -> None:
        for file in (path for path in PAGE.rglob("*") if path.is_file()):
            head, body = await fetch(relay.address, f"/{file.relative_to(PAGE).as_posix()}")
            assert lines(head)[0] == "HTTP/1.1 200 OK", file
            assert f"Content-Type: {TYPES[file.suffix]}" in lines(head)
            assert body == file.read_bytes()

    @pytest.mark.parametrize("path", ["/", "/app.js", "/nothing", "/healthz"])
    async def test_every_answer_is_strict(self, relay: Relay, path: str) -> None:
        head, body = await fetch(relay.address, path)
        assert {
            POLICY,
            "X-Content-Type-Options: nosniff",
            "X-Frame-Options: DENY",
            "Referrer-Policy: no-referrer",
            "Cache-Control: no-cache",
            f"Content-Length: {len(body)}",
        } <= set(lines(head))

    async def test_head_is_get_without_the_body(self, relay: Relay) -> None:
        head, body = await fetch(relay.address, "/", method="HEAD")
        assert lines(head) == lines((await fetch(relay.address, "/"))[0])
        assert body == b""

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
    async def test_nothing_else_is_possible(self, relay: Relay, method: str) -> None:
        head, _ = await fetch(relay.address, "/", method=method)
        assert lines(head)[0] == "HTTP/1.1 405 Method Not Allowed"
        assert "Allow: GET, HEAD" in lines(head)

    @pytest.mark.parametrize(
        "path",
        [
            "/nothing.html",
            "/../relay.py",
            "/../page/index.html",
            "/%2e%2e/relay.py",
            "/..%2frelay.py",
            "/..%5crelay.py",
            "/%252e%252e/relay.py",
            "/relay.py",
            "/./index.html",
            "//index.html",
            "/index.html/",
            "/index.html/x",
            "/index.html%00",
            "/%00",
            "/%ff%fe",
            "/.",
            "/..",
            "/etc/passwd",
            "//etc/passwd",
            "/%2fetc/passwd",
            "/file:///etc/passwd",
            "/../../../../../../etc/passwd",
            "http://elsewhere/index.html",
            "*",
        ],
    )
    async def test_no_path_leads_anywhere_else(self, relay: Relay, path: str) -> None:
        head, body = await fetch(relay.address, path)
        assert lines(head)[0] == "HTTP/1.1 404 Not Found"
        assert body.startswith(b"There is no such page.")


class TestStartByLink:
    """Who leads to the page decides whether it may start by itself: what browsers say of that can't be forged."""

    @pytest.mark.parametrize(
        ("path", "location"),
        [
            ("/?role=answerer&room=a%20b%26c&start", "?role=answerer&room=a%20b%26c"),
            ("/index.html?start=&role=offerer", "?role=offerer"),
            ("/?start", "?"),
            ("/?role=offerer&st%61rt=no&start&start=1", "?role=offerer"),
            ("//elsewhere.example/?start&x=//elsewhere.example", "?x=//elsewhere.example"),
            ('/?start&room=\rSet-Cookie:"<>', "?room=%0DSet-Cookie:%22%3C%3E"),
        ],
    )
    async def test_a_link_of_another_page_does_not(self, relay: Relay, path: str, location: str) -> None:
        for site in "cross-site", "same-site", "unheard-of", "none\r\nSec-Fetch-Site: cross-site":
            head, _ = await fetch(relay.address, path, head=f"Sec-Fetch-Site: {site}\r\n")
            assert lines(head)[0] == "HTTP/1.1 302 Found"
            assert f"Location: {location}" in lines(head)
        head, _ = await fetch(relay.address, f"/{location}", head="Sec-Fetch-Site: cross-site\r\n")
        assert lines(head)[0] == "HTTP/1.1 200 OK"

    @pytest.mark.parametrize("head", ["", "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"])
    async def test_one_that_was_typed_or_is_our_own_does(self, relay: Relay, head: str) -> None:
        answer, body = await fetch(relay.address, "/?role=answerer&start", head=head)
        assert lines(answer)[0] == "HTTP/1.1 200 OK"
        assert body == (PAGE / "index.html").read_bytes()


class TestHealth:
    async def test_it_counts_clients_and_rooms(self, relay: Relay, client: MakeClient) -> None:
        one = await client()
        await one.join()
        await client()
        head, body = await fetch(relay.address, "/healthz")
        assert lines(head)[0] == "HTTP/1.1 200 OK"
        assert "Content-Type: application/json" in lines(head)
        assert json.loads(body) == {"status": "ok", "connections": 3, "clients": 2, "rooms": 1}


class TestBadRequests:
    @pytest.mark.parametrize(
        "request_bytes",
        [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n", b"GET /\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"\r\n"],
    )
    async def test_what_is_no_http_is_hung_up_on(self, relay: Relay, request_bytes: bytes) -> None:
        async with BareSocket.open(relay.address) as bare:
            bare.writer.write(request_bytes)
            assert await bare.read_to_end() == b""

    async def test_junk_behind_a_request_is_not_read(self, relay: Relay) -> None:
        async with BareSocket.open(relay.address) as bare:
            bare.writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\njunk")
            answer = await bare.read_to_end()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.count(b"HTTP/1.1") == 1

    async def test_junk_behind_an_upgrade_is_a_bad_frame(self, relay: Relay) -> None:
        async with BareSocket.open(relay.address) as bare:
            bare.writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\njunk".encode())
            async with asyncio.timeout(PATIENCE):
                assert (await bare.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await bare.read_close() == 1002

    @pytest.mark.parametrize("size", [1, 2, 3])
    async def test_a_request_may_come_in_small_pieces(self, relay: Relay, size: int) -> None:
        request = f"GET / HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n".encode() + b"\x88\x80" + bytes(4)
        async with BareSocket.open(relay.address) as bare:
            for at in range(0, len(request), size):
                bare.writer.write(request[at : at + size])
                await asyncio.sleep(0)  # the relay, in the same event loop, has its turn
            assert (await bare.read_to_end()).startswith(b"HTTP/1.1 101 ")

    async def test_a_head_without_end_is_cut_off(self, relay: Relay) -> None:
        async with BareSocket.open(relay.address) as bare:
            bare.writer.write(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4000)
            answer = await bare.read_to_end()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")  # header fields too large

    async def test_who_asks_nothing_is_cut_off(self, start_relay: StartRelay) -> None:
        relay = await start_relay(http_timeout=0.1)
        async with BareSocket.open(relay.address) as bare:
            assert await bare.read_to_end() == b""
        async with BareSocket.open(relay.address) as bare:
            bare.writer.write(b"GET / HTTP/1.1\r\n")
            assert await bare.read_to_end() == b""

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            ("Upgrade: websocket\r\n", "426 Upgrade Required"),
            ("Upgrade: websocket\r\nConnection: Upgrade\r\n", "400 Bad Request"),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                "Sec-WebSocket-Version: 7\r\n",
                "400 Bad Request",
            ),
        ],
    )
    async def test_half_a_handshake_is_refused(self, relay: Relay, head: str, status: str) -> None:
        answer, _ = await fetch(relay.address, "/", head=head)
        assert lines(answer)[0] == f"HTTP/1.1 {status}"


async def test_both_families_of_localhost_share_the_port(start_relay: StartRelay) -> None:
    relay = await start_relay(host="localhost")
    _, port = relay.address
    assert relay.url == f"ws://localhost:{port}"
    assert relay.page_url == f"http://localhost:{port}/"
    for host in "127.0.0.1", "::1":
        try:
            probe = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, 0)
        except OSError:
            assert host == "::1", "no machine lacks 127.0.0.1"
            continue
        probe.close()
        assert lines((await fetch((host, port), "/healthz"))[0])[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("host", "authority"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "localhost"), ("", "localhost")]
)
async def test_addresses_to_show(start_relay: StartRelay, host: str, authority: str) -> None:
    relay = await start_relay(host=host)
    assert relay.url == f"ws://{authority}:{relay.address[1]}"
    async with client_of(relay.url) as one:
        await one.join()
