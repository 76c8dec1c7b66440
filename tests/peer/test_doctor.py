"""`peer doctor` as people and scripts run it: against real servers, and what it says when they fail."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peer._aiortc import host_addresses
from tests.network.coturn import Coturn
from tests.network.processes import Process

PATIENCE = 100.0
NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PEER_")}
    return subprocess.run(
        [sys.executable, "-m", "peer", "doctor", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=inherited | NO_SCREEN | environment,
        check=False,
    )


def results(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """The last result of each check."""
    assert done.stderr == ""
    return {result["check"]: result for result in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def relay() -> Iterator[str]:
    with Process([sys.executable, "-m", "signaling", "--port", "0"]) as process:
        yield process.wait_for(r"ws://localhost:\d+", timeout=PATIENCE)[0]


@pytest.fixture
def address() -> str:
    """Of this machine, and not its loopback, from which no call goes."""
    return next(address for address in sorted(host_addresses()) if "." in address)


def test_what_works_and_what_is_not_there(relay: str) -> None:
    done = doctor("--json", "--signaling", relay)
    told = results(done)
    assert done.returncode == 0
    assert {"versions", "network", "udp", "relay", "codec vp8", "codec h264", "codec opus"} <= told.keys()
    for check in ("versions", "network", "udp", "relay", "codec vp8", "codec h264", "codec opus"):
        assert told[check]["state"] == "ok", told[check]
        assert told[check]["seconds"] >= 0
    assert told["relay"]["text"] == f"{relay} lets us in"
    assert "aiortc 1." in told["versions"]["text"]
    assert "720p" in told["codec vp8"]["text"]
    assert told["display"]["state"] == "absent"
    assert "DISPLAY is not set" in told["display"]["text"]
    assert not any(address in done.stdout for address in host_addresses())


def test_for_people_one_line_a_check_and_addresses_with_v_only(relay: str) -> None:
    done = doctor("--signaling", relay, "-v", "--video", "test", "--audio", "test")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[-1] == "all that was asked for works"
    assert all(address in done.stdout for address in host_addresses())
    assert "video        ok      test: test picture 1280x720 30 fps gives 1280x720" in lines
    assert "audio        ok      test: tone gives sound" in lines


def test_what_was_asked_for_and_fails_is_told_and_the_exit_code(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    nowhere = f"ws://127.0.0.1:{port}"
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film")
    options = ("--video", str(film), "--audio", "mic:hw:31", "--display", "--play", "speaker:hw:31")
    done = doctor("--json", "--signaling", nowhere, *options)
    told = results(done)
    assert done.returncode == 1
    for check, words in {
        "relay": "nothing listens",
        "video": "film.mp4",
        "audio": "hw:31",
        "speaker": "hw:31",
        "display": "DISPLAY",
    }.items():
        assert told[check]["state"] == "failed", told[check]
        assert words in told[check]["text"]
    people = doctor("--signaling", nowhere)
    assert people.returncode == 1
    assert people.stdout.splitlines()[-1] == "1 of the checks failed"
    assert people.stderr == ""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_turn_server_gives_a_real_allocation(relay: str, tmp_path: Path, address: str, transport: Any) -> None:
    with Coturn(tmp_path, address) as coturn:
        url = coturn.turn_url(transport)
        servers = ("--ice-server", url, "--ice-server", coturn.stun_url)
        done = doctor("--json", "--signaling", relay, *servers, *user(coturn.password))
        told = results(done)
        assert told["turn server"]["state"] == "ok", told["turn server"]
        assert told["turn server"]["text"] == f"{url} gave us an address to be reached at"
        assert told["stun server"]["state"] == "ok"
        assert coturn.allocations() > 0
        assert done.returncode == 0


def test_a_wrong_password_and_a_dead_server_are_told(relay: str, tmp_path: Path, address: str) -> None:
    with Coturn(tmp_path, address) as coturn, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind((address, 0))
        silent = f"stun:{address}:{dead.getsockname()[1]}"
        servers = ("--ice-server", coturn.turn_url(), "--ice-server", silent)
        done = doctor("--json", "--signaling", relay, *servers, *user("no-such-password"))
    told = results(done)
    assert done.returncode == 1
    assert told["turn server"]["state"] == told["stun server"]["state"] == "failed"
    assert "--ice-credential" in told["turn server"]["advice"]
    assert silent in told["stun server"]["text"]
    assert "no-such-password" not in done.stdout


def user(password: str) -> tuple[str, ...]:
    return "--ice-username", Coturn.username, "--ice-credential", password


def test_a_wrong_option_is_a_usage_error_and_help_is_help() -> None:
    done = doctor("--size", "big")
    assert done.returncode == 2
    assert done.stderr.startswith("peer: --size big")
    assert done.stderr.count("\n") == 1
    done = doctor("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: peer doctor")
