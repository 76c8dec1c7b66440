"""Both commands with -v and -vv among strangers who write escape sequences everywhere: their logs are only text.

What the two processes write is read as bytes, since a terminal takes each of them at its word.
"""

import asyncio
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from signaling.logs import MAX_LINE_CHARACTERS, MAX_LINES, Formatter
from tests.peer.content import OPTIONS, PATIENCE

EVIL = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\x7f\u202e\u2066\u2028\u200f"
SECRETS = ("secret-room", "secret-token", "secret-ufrag", "203.0.113.77", "secret-header")
UNFIT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


class Program:
    """A process that writes both its outputs into one file."""

    def __init__(self, command: str, *arguments: str, output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self._popen = subprocess.Popen([sys.executable, "-m", command, *arguments], stdout=file, stderr=file)

    def written(self) -> str:
        return self.output.read_bytes().decode()  # what is no UTF-8 fails here

    async def wait_for(self, pattern: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(pattern, self.written())) is None:
                assert self._popen.poll() is None, self.written()[-2000:]
                await asyncio.sleep(0.05)
        return found[0]

    def end(self) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


@contextmanager
def program(command: str, *arguments: str, output: Path) -> Iterator[Program]:
    it = Program(command, *arguments, output=output)
    try:
        yield it
    finally:
        it.end()


def assert_harmless(text: str, verbosity: str) -> None:
    assert "owned" in text or verbosity == "-v"  # it was there to be escaped
    assert UNFIT.findall(text) == []
    assert max(map(len, text.splitlines())) < 3 * MAX_LINE_CHARACTERS
    if verbosity == "-v":
        assert [secret for secret in SECRETS if secret in text] == []


async def speak_http(port: int, text: str) -> None:
    """A request with anything in it, as bytes."""
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(text.encode("utf-8"))
    async with asyncio.timeout(PATIENCE):
        await reader.read()
    writer.close()


async def be_a_stranger(url: str) -> None:
    """Say evil things to a relay, wherever it may log them."""
    port = int(url.rpartition(":")[2])
    line = EVIL.replace("\r", "")
    await speak_http(port, f"GET /{line} HTTP/1.1\r\nHost: localhost:{port}\r\nX-{line}: {line}\r\n\r\n")
    await speak_http(port, f"GET /secret-room HTTP/1.1\r\nHost: localhost:{port}\r\nX: secret-header {line}\r\n\r\n")
    async with connect(url, compression=None) as socket:
        await socket.send(EVIL)
        await socket.send(json.dumps({"type": EVIL}))
        room = {"role": "offerer", "roomId": f"secret-room{EVIL}", "token": f"secret-token{EVIL}"}
        await socket.send(json.dumps({"type": "join", "payload": room}))
        await socket.send('{"type": "ping"}')
        async for text in socket:
            if json.loads(text)["type"] == "pong":
                break
        await socket.close(1000, line[:30])


@pytest.mark.parametrize("verbosity", ["-v", "-vv"])
async def test_a_relay_among_strangers(verbosity: str, tmp_path: Path) -> None:
    with program("signaling", "--port", "0", verbosity, output=tmp_path / "output") as it:
        await be_a_stranger(await it.wait_for(r"ws://localhost:\d+"))
        await it.wait_for("is gone")
        written = it.written()
    assert_harmless(written, verbosity)


def evil_offer() -> str:
    """It gets as far as aiortc, which says what it could not read."""
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 1 IN IP4 0.0.0.0",
            f"s=owned{EVIL.replace(chr(13), '')}",
            "t=0 0",
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "c=IN IP4 203.0.113.77",
            "a=mid:0",
            "a=ice-ufrag:secretufrag",
            "a=ice-pwd:secretufragsecretufragsecretu",
            f"a=fingerprint:sha-256 owned{EVIL.replace(chr(13), '')}",
            f"a=rtpmap:96 owned{EVIL.replace(chr(13), '')}",
            "",
        ]
    )


async def test_a_peer_whose_relay_and_partner_are_strangers(tmp_path: Path) -> None:
    """With -vv and with -v at once: both meet the same relay."""
    closed = asyncio.Semaphore(0)

    def greet(_: ServerConnection, __: Request, response: Response) -> Response:
        response.headers["X-Evil"] = "owned\x9b31m"  # the library lets no lower ones through
        return response

    async def be_evil(client: ServerConnection) -> None:
        await client.send(json.dumps({"type": "welcome", "clientId": EVIL, "message": EVIL}))
        joined = {"type": "joined", "roomId": f"owned{EVIL}", "role": "answerer", "resume": f"secret-token{EVIL}"}
        candidate = {"candidate": f"candidate:1 1 udp 1 203.0.113.77 9 typ {EVIL}"}
        for message in (
            joined | {"iceServers": [{"urls": f"stun:{EVIL}"}, {"urls": EVIL}]},
            {"type": "ready"},
            {"type": EVIL},
            {"type": "error", "message": f"owned{EVIL}", "code": EVIL},
            {"type": "ice-candidate", "payload": candidate},
            {"type": "offer", "payload": f"owned{EVIL}"},
            {"type": "offer", "payload": {"type": "offer", "sdp": evil_offer()}},
        ):
            await client.send(json.dumps(message))
        await client.send(f"owned{EVIL}")
        await asyncio.sleep(1)
        await client.close(4000, f"owned{EVIL}")
        closed.release()

    async with serve(be_evil, "127.0.0.1", 0, process_response=greet) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        arguments = ("--signaling", url, "--room", "secret-room", "--token", "secret-token", *OPTIONS)
        with (
            program("peer", *arguments, "-v", output=tmp_path / "v") as quiet,
            program("peer", *arguments, "-vv", output=tmp_path / "vv") as loud,
        ):
            async with asyncio.timeout(PATIENCE):
                await closed.acquire()
                await closed.acquire()
            for each in (quiet, loud):
                await each.wait_for("the relay closed the connection")
            texts = {"-v": quiet.written(), "-vv": loud.written()}
    for verbosity, text in texts.items():
        assert_harmless(text, verbosity)
    assert "X-Evil" in texts["-vv"]


def formatted(*arguments: object, error: BaseException | None = None) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("name", logging.INFO, "path", 1, "%s", arguments, exc_info)
    return Formatter("%(levelname)s %(message)s").format(record)


def test_a_record_is_a_line_and_what_goes_on_is_marked() -> None:
    assert formatted("a\nINFO b") == "INFO a\n  | INFO b"
    assert formatted("x" * 10_000) == f"INFO {'x' * (MAX_LINE_CHARACTERS - 6)}…"
    assert formatted("\n" * 10_000).count("\n") <= MAX_LINES + 1


def test_a_traceback_is_harmless_and_has_its_ends() -> None:
    text = formatted("failed", error=ValueError(f"{EVIL}\nINFO forged\n" + "x\n" * 500 + "the end"))
    assert UNFIT.findall(text) == []
    first, *rest = text.split("\n")
    assert first == "INFO failed"
    assert all(line.startswith("  | ") for line in rest)
    assert rest[0].startswith("  | ValueError: ")
    assert rest[-1] == "  | the end"
    assert len(rest) <= MAX_LINES + 1


def test_formatting_takes_no_long_time() -> None:
    start = time.process_time()
    formatted("\x1b" * 1_000_000)
    assert time.process_time() - start < 1
