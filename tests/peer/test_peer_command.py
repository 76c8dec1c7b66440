"""The command `peer` as people and programs run it: how it ends, what it says, what it leaves on the disk."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peer.media.sources.drawn.testpattern import TEST_TONE_HZ
from tests.network.processes import Process
from tests.peer.content import LEFT, OPTIONS, of_file

PATIENCE = 60.0


@pytest.fixture
def relay() -> Iterator[str]:
    with Process([sys.executable, "-m", "signaling", "--port", "0"]) as process:
        yield process.wait_for(r"ws://localhost:\d+", timeout=PATIENCE)[0]


def start(relay: str, *options: str) -> Process:
    return Process([sys.executable, "-m", "peer", "--signaling", relay, *OPTIONS, *options])


def events(process: Process) -> list[dict[str, Any]]:
    """What it told, all of it JSON."""
    return [json.loads(line) for line in process.stdout]


def assert_recorded(path: Path) -> None:
    """The file plays, and has the partner's pictures and tone."""
    counters, frequency = of_file(path)
    assert len(set(counters)) > 5
    assert counters == sorted(counters)
    assert frequency == pytest.approx(TEST_TONE_HZ, abs=5)


def assert_summary(lines: list[str], reason: str) -> None:
    """The last call's, as a person reads it."""
    text = "\n".join(lines)
    assert f"s: {reason}\n" in text
    summary = text[text.rindex("call ended after") :]
    assert "connected in" in summary
    assert "VP8" in summary
    assert "pictures, 320x240" in summary.split("sent")[1].split("received")[0]
    assert "pictures, 320x240" in summary.split("received")[1]
    assert "s of sound" in summary.split("received")[1]


def test_one_call_of_two_seconds_recorded(relay: str, tmp_path: Path) -> None:
    """`--once` ends when the partner leaves, which `--duration` makes it do; both end well."""
    film = tmp_path / "call.mp4"
    with start(relay, "--role", "answerer", "--once", "--record", str(film), "--json") as once:
        once.wait_for('"waiting"', timeout=PATIENCE)
        with start(relay, "--duration", "2") as short:
            assert short.wait(PATIENCE) == 0
            assert once.wait(PATIENCE) == 0
            assert short.stderr == once.stderr == []
            assert_summary(short.stdout, "ended here")
    told = events(once)
    assert [event["event"] for event in told] == [
        *("source", "joined", "waiting", "partner-ready", "connected", "call-ended", "ended")
    ]
    call = told[-2]
    assert call["reason"] in LEFT
    assert call["codecs"] == {"video": "VP8", "audio": "opus"}
    assert call["path"] == "host-host"
    assert 1.5 < call["seconds"] < PATIENCE
    assert call["received"]["video_frames"] > 10
    assert told[-1] == {"event": "ended", "calls": 1, "error": None, "exit_code": 0}
    assert_recorded(film)


def test_control_c_and_sigterm_end_a_call_with_its_summary(relay: str, tmp_path: Path) -> None:
    film = tmp_path / "call.webm"
    with start(relay, "--record", str(film)) as one, start(relay, "--json") as other:
        one.wait_for("connected after", timeout=PATIENCE)
        other.wait_for('"connected"', timeout=PATIENCE)
        wait_for_size(film, 50_000)
        assert one.stop(PATIENCE, with_signal=signal.SIGINT) == 130
        assert one.stderr == []
        assert_summary(one.stdout, "ended here")
        assert_recorded(film)

        other.wait_for('"call-ended"', timeout=PATIENCE)
        assert other.stop(PATIENCE, with_signal=signal.SIGTERM) == 130
        assert other.stderr == []
        assert events(other)[-1] == {"event": "ended", "calls": 1, "error": "interrupted", "exit_code": 130}


def wait_for_size(path: Path, size: int) -> None:
    """Until so much is recorded: `tail` waits for the bytes."""
    command = f"tail --follow=name --retry --bytes=+1 {path} 2>/dev/null | head --bytes={size} > /dev/null"
    subprocess.run(["timeout", str(PATIENCE), "bash", "-c", command], check=True, timeout=PATIENCE + 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits_ends_it_without_a_complaint(relay: str, number: signal.Signals) -> None:
    with start(relay) as process:
        process.wait_for("waiting", timeout=PATIENCE)
        assert process.stop(PATIENCE, with_signal=number) == 130
        assert process.stderr == []
        assert process.stdout[-1] == "waiting for a partner"


def test_an_impatient_person_presses_control_c_more_than_once(relay: str) -> None:
    with start(relay) as process:
        process.wait_for("waiting", timeout=PATIENCE)
        for _ in range(3):
            process._popen.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert "Traceback" not in "\n".join(process.stderr)


def test_whoever_reads_its_output_may_stop_reading(relay: str) -> None:
    command = [sys.executable, "-m", "peer", "--signaling", relay, *OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()  # `peer | head -1`
        with start(relay, "--once"):
            assert process.wait(PATIENCE) == 1
        assert process.stderr.read() == ""


@pytest.mark.parametrize(("option", "words"), [("--help", "usage: peer"), ("--version", "webrtc-peer ")])
def test_what_asks_for_no_call(option: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "peer", option], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(words)
