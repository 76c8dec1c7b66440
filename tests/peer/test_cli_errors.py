"""Wrong input, as a person gives it: one line that says what was wrong and what to do, the exit code, no traceback."""

import asyncio
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.network.processes import Process

TEST_MEDIA = ("--video", "test", "--audio", "test", "--size", "320x240", "--fps", "15")


def run(*options: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PEER_")}
    return subprocess.run(
        [sys.executable, "-m", "peer", *options],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=inherited | environment,
        check=False,
    )


def assert_fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("peer: ")
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def relay() -> Iterator[str]:
    with Process([sys.executable, "-m", "signaling", "--port", "0"]) as process:
        yield process.wait_for(r"ws://localhost:\d+", timeout=30)[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--role", "caller"], ["--role", "caller", "offerer"]),
        (["--signaling", "http://localhost"], ["--signaling", "ws://"]),
        (["--signaling", "ws://"], ["--signaling", "ws://"]),
        (["--signaling", "ws://localhost:99999"], ["--signaling", "99999"]),
        (["--signaling", "ws://[bad"], ["--signaling"]),
        (["--size", "big"], ["--size", "1280x720"]),
        (["--size", "641x480"], ["--size", "even"]),
        (["--size", "99999x99999"], ["--size"]),
        (["--fps", "fast"], ["--fps"]),
        (["--fps", "0"], ["--fps"]),
        (["--fps", "1000"], ["--fps"]),
        (["--fps", "nan"], ["--fps"]),
        (["--start", "-1"], ["--start"]),
        (["--start", "soon"], ["--start"]),
        (["--video", "screen:big"], ["screen:big", "screen:WxH+X+Y"]),
        (["--video", "none", "--audio", "screen"], ["--audio screen", "no sound"]),
        (["--duration", "-1"], ["--duration"]),
        (["--stats", "0"], ["--stats"]),
        (["--snapshot-every", "0"], ["--snapshot-every"]),
        (["--snapshot-keep", "0"], ["--snapshot-keep"]),
        (["--connect-timeout", "0"], ["--connect-timeout"]),
        (["--video-codec", "av2"], ["--video-codec", "vp8"]),
        (["--ice-server", "stun.example"], ["stun:HOST"]),
        (["--ice-server", "stun:example?transport=udp"], ["transport"]),
        (["--ice-server", "turn:example"], ["--ice-username"]),
        (["--relay-only", "--ice-server", "stun:example"], ["--relay-only", "TURN"]),
        (["--candidates", "some"], ["--candidates", "private"]),
        (["--unknown"], ["--unknown", "--help"]),
        (["extra"], ["extra", "--help"]),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: list[str], words: list[str]) -> None:
    assert_fails(run(*options), 2, *words)


def test_a_wrong_value_in_the_environment_names_its_option() -> None:
    assert_fails(run(PEER_ROLE="boss"), 2, "boss", "offerer")
    assert_fails(run(PEER_ONCE="maybe"), 2, "PEER_ONCE", "maybe")


def test_the_error_is_an_event_too() -> None:
    done = run("--json", "--role", "caller")
    assert done.returncode == 2
    assert done.stderr == ""
    event = json.loads(done.stdout)
    assert event["event"] == "ended"
    assert event["exit_code"] == 2
    assert "caller" in event["error"]


def test_hostile_text_in_an_option_does_not_reach_the_terminal_raw() -> None:
    done = run("--role", "\x1b[31mred\u202e")
    assert_fails(done, 2)
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr


def test_nothing_at_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert_fails(run("--signaling", f"ws://127.0.0.1:{port}", *TEST_MEDIA), 3, str(port), "nothing listens")


def test_an_unknown_host() -> None:
    assert_fails(run("--signaling", "ws://no-such-host.invalid", *TEST_MEDIA), 3, "no-such-host.invalid")


def test_something_else_at_the_address() -> None:
    handler = http.server.BaseHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = run("--signaling", f"ws://127.0.0.1:{server.server_address[1]}", *TEST_MEDIA)
        server.shutdown()
    assert_fails(done, 3, "no signaling relay")


def test_a_port_that_another_program_has() -> None:
    handler = http.server.BaseHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        done = run("--port", str(port), *TEST_MEDIA)
        server.shutdown()
    assert_fails(done, 3, f"another program has the port {port}", "choose another --port")


@pytest.mark.parametrize("token", [[], ["--token", "a guess"]])
def test_a_wrong_token(token: list[str]) -> None:
    relay = [sys.executable, "-m", "signaling", "--port", "0", "--token", "the token"]
    with Process(relay) as process:
        url = process.wait_for(r"ws://localhost:\d+", timeout=30)[0]
        done = run("--signaling", url, *token, *TEST_MEDIA)
    assert_fails(done, 4, "wants a token", "PEER_TOKEN", "--token")
    assert "a guess" not in done.stdout + done.stderr


def test_a_full_room(relay: str) -> None:
    options = ("--signaling", relay, "--room", "lab", *TEST_MEDIA)
    with Process([sys.executable, "-m", "peer", *options]) as first:
        first.wait_for("waiting", timeout=60)
        with Process([sys.executable, "-m", "peer", "--role", "answerer", *options]) as second:
            second.wait_for("connected", timeout=60)
            assert_fails(run(*options), 4, "full", "--room")
            assert first.returncode is None
            assert second.returncode is None


@pytest.mark.parametrize("content", [None, b"", b"this is no film\n" * 1000])
def test_a_file_that_is_missing_or_no_film(tmp_path: Path, relay: str, content: bytes | None) -> None:
    film = tmp_path / "film.mp4"
    if content is not None:
        film.write_bytes(content)
    assert_fails(run("--signaling", relay, "--video", str(film)), 1, "film.mp4")


def test_a_recording_that_cannot_be_written(tmp_path: Path, relay: str) -> None:
    there = tmp_path / "there.mp4"
    there.write_bytes(b"precious")
    for path, word in (
        (tmp_path / "no" / "such" / "folder.mp4", "folder"),
        (tmp_path / "film.avi", ".mp4"),
        (there, "--overwrite"),
        (tmp_path, str(tmp_path)),
    ):
        assert_fails(run("--signaling", relay, *TEST_MEDIA, "--record", str(path)), 1, word)
    assert there.read_bytes() == b"precious"


def test_no_speaker(relay: str) -> None:
    nobody = {"PULSE_SERVER": "unix:/nowhere"}
    done = run("--signaling", relay, *TEST_MEDIA, "--play", "speaker:nowhere", **nobody)
    assert_fails(done, 1, "can't open the speaker nowhere", "peer devices")


def test_snapshots_that_cannot_be_saved(tmp_path: Path, relay: str) -> None:
    options = ["--signaling", relay, *TEST_MEDIA, "--snapshot-every", "1", "--snapshot"]
    assert_fails(run(*options, str(tmp_path / "a.gif")), 1, "a.gif", ".jpg")
    assert_fails(run(*options, str(tmp_path / "nowhere" / "a.jpg")), 1, "nowhere", "create it")


def test_no_display(relay: str) -> None:
    assert_fails(run("--signaling", relay, *TEST_MEDIA, "--display", DISPLAY="", WAYLAND_DISPLAY=""), 1, "display")


@pytest.mark.parametrize("role", ["offerer", "answerer"])
def test_a_codec_that_the_other_side_lacks(relay: str, role: str) -> None:
    """The call goes without a picture, and both say why."""
    other = "answerer" if role == "offerer" else "offerer"
    options = ("--signaling", relay, *TEST_MEDIA)
    with Process([sys.executable, "-m", "peer", "--role", other, "--video-codec", "vp8", *options]) as partner:
        partner.wait_for("waiting", timeout=60)
        with Process([sys.executable, "-m", "peer", "--role", role, "--video-codec", "h264", *options]) as process:
            for end in (partner, process):
                end.wait_for(r"connected after .* s \(opus", timeout=60)
                end.wait_for("this call has no picture: .*no video codec in common", timeout=60)
                assert end.stderr == []


async def offer_junk(url: str, role: str, room: str) -> None:
    """Join as the partner, and send offers (or answers) that nothing can be made of, until the room is left."""
    async with connect(url, compression=None) as socket_:
        await socket_.send(json.dumps({"type": "join", "payload": {"role": role, "roomId": room}}))
        async for text in socket_:
            message = json.loads(text)
            if message["type"] == "ready":
                broken = {"type": "offer", "sdp": "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"}
                await socket_.send(json.dumps({"type": "offer", "payload": broken}))
            elif message["type"] == "peer-disconnected":
                return


def test_a_broken_offer_ends_the_attempt_with_once(relay: str) -> None:
    options = ("--signaling", relay, "--room", "lab", "--role", "answerer", "--once", *TEST_MEDIA)
    with Process([sys.executable, "-m", "peer", *options]) as process:
        process.wait_for("waiting", timeout=60)
        asyncio.run(offer_junk(relay, "offerer", "lab"))
        assert process.wait(30) == 1
        assert len(process.stderr) == 1
        assert "offer" in process.stderr[0]
        assert "Traceback" not in "".join(process.stdout)


def test_a_broken_offer_is_told_and_the_peer_goes_on_without_once(relay: str) -> None:
    options = ("--signaling", relay, "--room", "lab", "--role", "answerer", *TEST_MEDIA)
    with Process([sys.executable, "-m", "peer", *options]) as process:
        process.wait_for("waiting", timeout=60)

        async def junk_until_told() -> None:
            task = asyncio.create_task(offer_junk(relay, "offerer", "lab"))
            await process.line("problem: .*offer", timeout=30)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(junk_until_told())
        good = ("--signaling", relay, "--room", "lab", "--once", *TEST_MEDIA)
        with Process([sys.executable, "-m", "peer", *good]) as partner:
            partner.wait_for("connected", timeout=60)
            process.wait_for("connected", timeout=60)
        assert process.stderr == []
