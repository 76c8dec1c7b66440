"""The client's way to a relay: what can be wrong with an address, and what is said about it."""

import asyncio
from typing import Any

import pytest

from signaling.client import SignalingClient, SignalingConnectError
from signaling.messages import Joined, Role
from signaling.relay import Relay


class TestWrongAddresses:
    async def failure(self, url: str, **options: Any) -> SignalingConnectError:
        with pytest.raises(SignalingConnectError) as caught:
            async with SignalingClient(url, role=Role.OFFERER, **options):
                pass
        assert str(caught.value).isprintable()
        return caught.value

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "localhost:8080",
            "http://localhost:8080",
            "ws://",
            "ws://:8080",
            "ws://localhost:http",
            "ws://localhost:70000",
            "ws://[::1",
            "ws://localhost/#fragment",
            "ws://user@localhost",
            f"ws://{'a' * 70}.example",
            "ws://\x1b[2J",
        ],
    )
    async def test_no_websocket_address(self, url: str) -> None:
        error = await self.failure(url)
        assert "is not a WebSocket address: use one like ws://localhost:8080" in str(error)
        assert not error.nothing_listens

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_nothing_listens(self, host: str) -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        error = await self.failure(f"ws://{host}:{port}")
        assert str(error).startswith(f"nothing listens at ws://{host}:{port}: check the address, or start a relay")
        assert error.nothing_listens

    async def test_no_such_host(self) -> None:
        error = await self.failure("ws://no-such-host.invalid")
        assert str(error) == "there is no host of the name in ws://no-such-host.invalid: check the address"

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"\x00\x01\x02\x03",
            b"",
        ],
    )
    async def test_no_relay(self, answer: bytes) -> None:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            error = await self.failure(url)
        assert str(error).startswith(f"what answers at {url} is no signaling relay")
        assert not error.nothing_listens

    async def test_no_answer(self) -> None:
        ended = asyncio.Event()

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await ended.wait()
            writer.close()

        async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            error = await self.failure(url, open_timeout=0.2)
            ended.set()
        assert str(error) == f"no answer from {url} within 0.2 s: check the address"

    async def test_no_tls(self, relay: Relay) -> None:
        error = await self.failure(relay.url.replace("ws:", "wss:"))
        assert str(error).startswith(f"what answers at wss://localhost:{relay.address[1]} hung up: ")

    async def test_secrets_are_not_shown(self) -> None:
        error = await self.failure("ws://user:password@no-such-host.invalid/path?token=secret")
        assert "ws://no-such-host.invalid/path:" in str(error)
        assert "password" not in str(error)
        assert "secret" not in str(error)


async def test_a_proxy_for_the_outside_world_is_not_asked_for_this_machine(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "http_proxy", "https_proxy", "all_proxy":
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with SignalingClient(relay.url, role=Role.OFFERER) as signaling:
        async with asyncio.timeout(20):
            async for event in signaling:
                if isinstance(event, Joined):
                    break
