"""The command `signaling`, as its users run it."""

import asyncio
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from relayprocess import RelayProcess, failure, run
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from wire import BareSocket, client_of, joined_pair

from signaling.relay import Relay


class TestStart:
    async def test_it_prints_where_it_is(self) -> None:
        async with RelayProcess.start("--port", "0") as relay:
            assert f"http://localhost:{relay.port}/" in relay.greeting
            async with client_of(relay.url) as one:
                await one.join()

    async def test_the_environment_counts(self) -> None:
        process = await run(PORT="0", HOST="127.0.0.1")
        assert process.stdout is not None
        assert b"http://127.0.0.1:" in await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0

    def test_the_installed_command_is_the_same(self) -> None:
        command = Path(sys.executable).parent / "signaling"
        helps = [
            subprocess.run([*start, "--help"], check=True, capture_output=True, text=True).stdout
            for start in ([command], [sys.executable, "-m", "signaling"])
        ]
        assert helps[0] == helps[1]
        assert "--allow-origin" in helps[0]

    def test_it_loads_nothing_heavy(self) -> None:
        check = "import sys, signaling.cli; print(*sys.modules.keys() & {'aiortc', 'av', 'cv2', 'numpy', 'peer'})"
        assert subprocess.run([sys.executable, "-c", check], check=True, capture_output=True).stdout == b"\n"

    async def test_clients_are_logged_on_request_but_not_what_they_say(self) -> None:
        async with RelayProcess.start("--port", "0", "-v") as relay:
            async with client_of(relay.url) as one, client_of(relay.url) as two:
                await joined_pair(one, two, "lab\x1b[2J")
                await one.send("ice-candidate", {"candidate": "192.0.2.55"})
                await two.expect_forwarded("ice-candidate", {"candidate": "192.0.2.55"})
            relay.process.send_signal(signal.SIGTERM)
            _, errors = await relay.process.communicate()
            assert one.id.encode() in errors
            assert b"lab" not in errors
            assert b"\x1b" not in errors
            assert b"192.0.2.55" not in errors
            assert b"127.0.0.1" not in errors

    async def test_it_takes_no_more_clients_than_it_may_open_files(self) -> None:
        async with RelayProcess.start("--port", "0", open_files=330) as relay, AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(client_of(relay.url))
            with pytest.raises(InvalidStatus) as caught:
                await connect(relay.url, proxy=None)
            assert caught.value.response.status_code == 503


class TestWrongInput:
    """One line on the standard error that says what to do, the right exit code, no traceback."""

    async def test_the_port_is_taken(self, relay: Relay) -> None:
        _, port = relay.address
        code, errors = await failure("--port", str(port))
        assert code == 1
        assert errors == (
            f"signaling: port {port} of localhost is taken: stop what uses it, or choose another with --port\n"
        )

    async def test_the_port_is_taken_for_one_address_only(self) -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            code, errors = await failure("--port", str(server.sockets[0].getsockname()[1]))
        assert code == 1
        assert errors.startswith("signaling: port ")
        assert errors.count("\n") == 1

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "300.1.1.1", "a" * 70, "x\x1b[2J", ".."])
    async def test_the_host_is_unknown(self, host: str) -> None:
        code, errors = await failure("--host", host, "--port", "0")
        assert code == 1
        assert errors.startswith("signaling: there is no host ")
        assert errors.count("\n") == 1
        assert "\x1b" not in errors

    async def test_the_host_is_another_machine(self) -> None:
        code, errors = await failure("--host", "192.0.2.1", "--port", "0")
        assert code == 1
        assert errors == (
            "signaling: 192.0.2.1 is no address of this machine: use one that is, such as localhost or 0.0.0.0\n"
        )

    @pytest.mark.parametrize("port", ["http", "-1", "65536"])
    async def test_the_port_is_none(self, port: str) -> None:
        for code, errors in await failure(f"--port={port}"), await failure(PORT=port):
            assert code == 2
            assert errors.splitlines()[-1].endswith(
                f"'{port}' is no port: use a number from 0 (any free port) to 65535"
            )
            assert "Traceback" not in errors

    async def test_the_option_does_not_exist(self) -> None:
        code, errors = await failure("--colour", "red")
        assert code == 2
        assert "unrecognized arguments: --colour red" in errors


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_every_client_is_told_and_nobody_holds_it_up(self, number: signal.Signals) -> None:
        async with RelayProcess.start("--port", "0") as relay, AsyncExitStack() as stack:
            one = await stack.enter_async_context(client_of(relay.url))
            two = await stack.enter_async_context(client_of(relay.url))
            await joined_pair(one, two)
            silent = [await stack.enter_async_context(BareSocket.open(("127.0.0.1", relay.port))) for _ in range(3)]
            for bare in silent:
                await bare.shake_hands()
            await stack.enter_async_context(BareSocket.open(("127.0.0.1", relay.port)))  # never asks anything
            # The five seconds are promised; they are many times what it takes.
            assert await asyncio.wait_for(relay.end(number), 5) == 0
            for client in one, two:
                assert await client.expect_closed() == 1001
            for bare in silent:
                assert await bare.read_close() == 1001
            _, errors = await relay.process.communicate()
            assert errors == b""

    async def test_its_port_is_free_again_at_once(self) -> None:
        async with RelayProcess.start("--port", "0") as relay:
            async with client_of(relay.url) as one:
                await one.join()
                assert await relay.end(signal.SIGKILL) == -signal.SIGKILL
            async with RelayProcess.start("--port", str(relay.port)) as again, client_of(again.url) as one:
                await one.join()
