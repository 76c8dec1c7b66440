"""What the partner says is heard on a real sound server, soon after it came, and a lost speaker ends no call."""

import json
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mediafiles import strongest_frequency
from noting import Notes
from pulse import RATE, Listener, PulseServer

from peer.errors import MediaError
from peer.media.sinks.speaker import speakers
from peer.media.sinks.speaker.speaker import Speaker
from peer.media.sinks.speaker.speakers import LATENCY, open_speaker
from tests.network.processes import Process

PATIENCE = 60.0
TOO_LATE = 1.0
"""Seconds: much more than the speaker's own bound, since the sound server on a busy machine adds to it; much less than
what PyAV's own output holds, or the burst of the test."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PulseServer]:
    with PulseServer(tmp_path) as server:
        yield server


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def tone_is_heard(listener: Listener) -> bool:
    """Whether the last second has the test tone, at its strength, and little else."""
    last = listener.sound[-RATE:]
    return len(last) == RATE and abs(strongest_frequency(last, RATE) - 440) < 2 and np.abs(last).max() > 0.05


def test_a_partner_is_heard(server: PulseServer) -> None:
    """Two processes and a relay, as people use them."""
    options = ["--json", "--video", "none", "--audio", "test"]
    with (
        Process([sys.executable, "-m", "signaling", "--port", "0"]) as relay,
        server.listen() as listener,
    ):
        url = relay.wait_for(r"ws://localhost:\d+", timeout=30)[0]
        command = [sys.executable, "-m", "peer", "--signaling", url, *options]
        with Process([*command, "--play"], env=server.environment), Process([*command, "--role", "answerer"]):
            wait_until(lambda: tone_is_heard(listener))


BEEPS = """
import asyncio, json, sys, time
import numpy as np
from peer.media.base.sound import block_frame
from peer.media.sinks.speaker.speaker import Speaker

def sound(beep):
    wave = 8000 * np.sin(2 * np.pi * 1000 * np.arange(960) / 48000) * beep
    return block_frame(np.stack([wave, wave], axis=1).astype(np.int16))

async def main():
    speaker = await Speaker.open("default", lambda line: print(json.dumps(line), flush=True))
    speaker.begin_call(frozenset({"audio"}))
    begin = time.monotonic()
    for number in range(400):
        await asyncio.sleep(max(0, begin + number * 0.02 - time.monotonic()))
        if number == 150:  # what a network that was stuck brings all at once
            for _ in range(250):
                speaker.on_audio(sound(False))
        beep = number % 100 >= 90
        if number % 100 == 90:
            print(json.dumps(time.monotonic()), flush=True)
        speaker.on_audio(sound(beep))
    await asyncio.sleep(1)
    await speaker.close()

asyncio.run(main())
"""


def test_sound_is_heard_soon_even_after_a_burst(server: PulseServer) -> None:
    with server.listen() as listener, Process([sys.executable, "-c", BEEPS], env=server.environment) as program:
        assert program.wait(timeout=PATIENCE) == 0
        wait_until(lambda: len(listener.loud_from()) >= 4)
        sent = [json.loads(line) for line in program.stdout]
        heard = listener.loud_from()
    delays = [there - here for here, there in zip(sent, heard, strict=True)]
    print("delays", delays)
    assert min(delays) > 0
    assert max(delays) < TOO_LATE


LASTING = """
import asyncio, sys
from peer.media.sinks.speaker.speaker import Speaker
from peer.media.sources.drawn.testsource import TestSource
from peer.media.sinks.pump import Pump

async def main():
    speaker = await Speaker.open("default", lambda line: print(line, flush=True))
    source = TestSource({"audio"})
    pump = Pump([speaker], print)
    pump.start(source.open_tracks())
    print("playing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await pump.stop()
    await source.close()
    await speaker.close()
    print("done", flush=True)

asyncio.run(main())
"""


def test_a_speaker_that_goes_is_told_once_and_taken_back(server: PulseServer) -> None:
    with Process([sys.executable, "-c", LASTING], env=server.environment) as program:
        with server.listen() as listener:
            wait_until(lambda: tone_is_heard(listener))
        server.stop()
        program.wait_for("^the speaker is gone", timeout=PATIENCE)
        server.start()
        program.wait_for("^the speaker is back$", timeout=PATIENCE)
        with server.listen() as listener:
            wait_until(lambda: tone_is_heard(listener))
        program.send("")
        assert program.wait(timeout=PATIENCE) == 0
        assert len(program.stdout) == 4
        assert program.stderr == []


async def test_a_speaker_that_is_not_there_is_one_line(notes: Notes) -> None:
    for name in ("nowhere", "speaker:nowhere"):
        with pytest.raises(MediaError) as caught:
            await Speaker.open(name, notes.append)
        assert str(caught.value).startswith("can't open the speaker nowhere: ")
        assert str(caught.value).endswith("; see peer devices, or leave out --play")
        assert "\n" not in str(caught.value)


class PortAudioError(Exception):
    """As the module's own."""


class Stream:
    """Notes what PortAudio would be told: its platforms are not here."""

    def __init__(self, **asked: object) -> None:
        if asked["device"] == "nowhere":
            raise ValueError("No output device matching 'nowhere'")
        self.told: list[object] = [asked]
        streams.append(self)

    def start(self) -> None:
        self.told.append("start")

    def write(self, data: bytes) -> None:
        if len(self.told) > 4:
            raise PortAudioError("Device unavailable")
        self.told.append(data)

    def abort(self) -> None:
        self.told.append("abort")

    def close(self) -> None:
        self.told.append("close")


streams: list[Stream] = []


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_portaudio_is_asked(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [{"name": "Microphone", "max_output_channels": 0}, {"name": "Headphones", "max_output_channels": 2}]
    module = types.SimpleNamespace(RawOutputStream=Stream, PortAudioError=PortAudioError, query_devices=lambda: devices)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    streams.clear()
    assert list(speakers.speakers(platform)) == ["default", "Headphones"]
    asked = {"samplerate": 48000, "channels": 2, "dtype": "int16", "latency": LATENCY}
    samples = np.arange(960, dtype=np.int16).reshape(-1, 2)
    for name, device in [("default", None), ("speaker", None), ("speaker:Headphones", "Headphones")]:
        output = open_speaker(name, platform)
        output.write(samples)
        output.close()
        assert streams[-1].told == [{**asked, "device": device}, "start", samples.tobytes(), "abort", "close"]
    with pytest.raises(OSError, match="Device unavailable"):
        output.write(samples)
    with pytest.raises(MediaError, match=r"^can't open the speaker nowhere: no output device matching 'nowhere'; see"):
        open_speaker("nowhere", platform)


def test_elsewhere_without_portaudio_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MediaError, match="pip install sounddevice"):
        open_speaker("default", "darwin")
