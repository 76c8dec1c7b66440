"""Strangers at the relay's port: pages of foreign origins, and names that lead to it by somebody else's doing."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import pytest
from relayprocess import RelayProcess
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from wire import PATIENCE, client_of, fetch

from signaling.relay import Relay

StartRelay = Callable[..., Awaitable[Relay]]

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
FOREIGN = ["https://evil.example", "http://localhost.evil.example:8080", "http://192.0.2.1", "null", "file://"]


async def refusal(url: str, **options: str) -> str:
    """Try to open a WebSocket; return the body of the 403."""
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, proxy=None, **options)  # type: ignore[arg-type]
    assert caught.value.response.status_code == 403
    return caught.value.response.body.decode()


def status(answer: str) -> str:
    return answer.partition("\r\n")[0].partition(" ")[2]


class TestPages:
    @pytest.mark.parametrize("origin", FOREIGN)
    async def test_a_strangers_is_not_let_in(self, start_relay: StartRelay, origin: str) -> None:
        relay = await start_relay()
        assert "--allow-origin" in await refusal(relay.url, origin=origin)
        async with client_of(relay.url) as program:
            await program.join()

    async def test_its_own_and_those_of_this_machine_are(self, relay: Relay) -> None:
        own = relay.page_url.removesuffix("/")
        for origin in own, own.replace("http", "https"), "http://localhost:5173", "https://127.0.0.1", "http://[::1]:1":
            async with client_of(relay.url, origin=origin) as one:
                await one.join()

    async def test_where_others_reach_the_relay_only_its_own_are(self, start_relay: StartRelay) -> None:
        relay = await start_relay(host="0.0.0.0")
        for host in "localhost", "127.0.0.1":
            url = f"ws://{host}:{relay.address[1]}"
            async with client_of(url, origin=url.replace("ws", "http")) as one:
                await one.join()
            await refusal(url, origin="http://localhost:5173")

    @pytest.mark.parametrize("named", ["https://friend.example", "null"])
    async def test_named_ones_are(self, start_relay: StartRelay, named: str) -> None:
        relay = await start_relay(allowed_origins=(named,))
        for origin in named, "http://localhost:5173", None:
            async with client_of(relay.url, origin=origin) as one:
                await one.join()
        for origin in set(FOREIGN) - {named}:
            await refusal(relay.url, origin=origin)

    async def test_two_origins_are_none(self, start_relay: StartRelay) -> None:
        relay = await start_relay()
        head = f"{UPGRADE}Origin: http://localhost\r\nOrigin: https://evil.example\r\n"
        assert status((await fetch(relay.address, "/", head=head))[0]) == "403 Forbidden"


class TestHosts:
    @pytest.mark.parametrize("path", ["/", "/app.js", "/healthz", "/nothing"])
    @pytest.mark.parametrize("head", ["", UPGRADE, UPGRADE + "Origin: http://rebound.example:8080\r\n"])
    @pytest.mark.parametrize("origins", [(), ("http://rebound.example:8080",)])
    async def test_a_name_that_somebody_made_lead_here_gets_nothing(
        self, start_relay: StartRelay, path: str, head: str, origins: tuple[str, ...]
    ) -> None:
        relay = await start_relay(allowed_origins=origins)
        answer, body = await fetch(relay.address, path, host="rebound.example:8080", head=head)
        assert status(answer) == "403 Forbidden"
        assert b"--allow-host" in body
        assert b"evil" not in body

    async def test_its_own_names_and_addresses_are_known(self, start_relay: StartRelay) -> None:
        relay = await start_relay(host="127.0.0.1", allowed_hosts=("call.example.com",))
        for host in "localhost", "127.0.0.1:8080", "demo.localhost", "[::1]:1", "call.example.com":
            assert status((await fetch(relay.address, "/healthz", host=host))[0]) == "200 OK", host

    async def test_listening_everywhere_it_knows_the_address_it_was_reached_at(self, start_relay: StartRelay) -> None:
        relay = await start_relay(host="0.0.0.0")
        _, port = relay.address
        assert status((await fetch(("127.0.0.5", port), "/", host="127.0.0.5"))[0]) == "200 OK"
        for host in "0.0.0.0", "192.0.2.9", "evil.example":
            assert status((await fetch(("127.0.0.5", port), "/", host=host))[0]) == "403 Forbidden"

    @pytest.mark.parametrize("head", ["Host: localhost\r\n", "Host: evil.example\r\n"])
    async def test_two_are_none(self, start_relay: StartRelay, head: str) -> None:
        relay = await start_relay()
        assert status((await fetch(relay.address, "/", head=head))[0]) == "400 Bad Request"

    @pytest.mark.parametrize("host", ["", "user@localhost", "local host", "http://localhost", "\x1b[2J", "\xff"])
    async def test_what_is_none_is_a_bad_request(self, start_relay: StartRelay, host: str) -> None:
        lines: list[str] = []
        relay = await start_relay(on_refused=lines.append)
        answer, _ = await fetch(relay.address, "/", host=host)
        assert answer == "" or status(answer) == "400 Bad Request"
        assert all(line.isprintable() for line in lines)


class TestLines:
    async def test_there_is_one_a_second_of_each_kind_however_many_are_refused(self, start_relay: StartRelay) -> None:
        lines: list[str] = []
        relay = await start_relay(on_refused=lines.append)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(30):
            await refusal(relay.url, origin="https://evil.example")
            await fetch(relay.address, "/", host="rebound.example")
        possible = 1 + int(loop.time() - began)
        pages = [line for line in lines if "--allow-origin https://evil.example" in line]
        hosts = [line for line in lines if "--allow-host rebound.example" in line]
        assert len(pages) + len(hosts) == len(lines)
        assert 1 <= len(pages) <= possible
        assert 1 <= len(hosts) <= possible

    async def test_they_are_on_the_terminal_and_safe_there(self) -> None:
        async with RelayProcess.start("--port", "0") as relay:
            address = ("127.0.0.1", relay.port)
            head = f"{UPGRADE}Origin: https://evil.example/\x9b31m\r\n"  # a control sequence, in one character
            for answer, _ in await fetch(address, "/", head=head), await fetch(address, "/", host="evil.example"):
                assert status(answer) == "403 Forbidden"
            relay.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                _, errors = await relay.process.communicate()
        page, host = errors.decode().splitlines()
        assert page.startswith("signaling: refused a page of https://evil.example/")
        assert "\\x9b31m" in page
        assert host.startswith("signaling: refused a request for the host evil.example: ")
        assert page.isprintable()

    async def test_the_option_lets_in(self) -> None:
        async with (
            RelayProcess.start("--port", "0", "--allow-origin", "https://friend.example") as relay,
            client_of(relay.url, origin="https://friend.example") as one,
        ):
            await one.join()
