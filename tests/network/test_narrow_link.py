"""A picture that wants far more than the link carries: it settles below that, and goes on in time."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import numpy as np
import pytest

from tests.network.namespaces import Network
from tests.network.peers import PeerProcess, start_relay
from tests.network.router import Router
from tests.network.shaping import Conditions

LINK = 500_000
SETTLING_SECONDS = 8.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as it:
        yield it


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Four seconds of 640x360 at 30 frames/s, panned to and fro over noise: over 1 Mbit/s for a good picture."""
    source = np.random.default_rng(1)
    still = np.kron(source.integers(30, 220, (60, 100)), np.ones((8, 8))) + source.normal(0, 8, (480, 800))
    luma = still.clip(0, 255).astype(np.uint8)
    with av.open(tmp_path / "film.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "22"}
        for index in range(120):
            at = 60 - abs(index - 60)
            picture = np.vstack([luma[at : at + 360, 2 * at : 2 * at + 640], np.full((180, 640), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return tmp_path / "film.mp4"


def in_call(
    network: Network, stack: ExitStack, film: Path, line: Conditions
) -> tuple[PeerProcess, PeerProcess, Router]:
    """alice, who sends the film over the line to bob; both tell their figures."""
    hosts = network.namespace("alice"), network.namespace("bob")
    router = stack.enter_context(Router(*hosts, toward_b=line, toward_a=Conditions(delay=line.delay)))
    stack.enter_context(start_relay(hosts[0]))
    common = ["--signaling", f"ws://{router.a_address}:8080", "--json", "--stats", "0.3"]
    sending = ["--role", "offerer", "--video", str(film), "--audio", "test", "--loop"]
    receiving = ["--role", "answerer", "--video", "none", "--audio", "test"]
    alice = PeerProcess(stack.enter_context(hosts[0].start(sys.executable, "-m", "peer", *common, *sending)))
    alice.wait_for("waiting")
    bob = PeerProcess(stack.enter_context(hosts[1].start(sys.executable, "-m", "peer", *common, *receiving)))
    for end in (alice, bob):
        end.wait_for("connected")
    return alice, bob, router


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_rate_settles_below_what_a_bottleneck_carries(
    network: Network, stack: ExitStack, film: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_VIDEO_CODEC", codec)
    alice, bob, router = in_call(network, stack, film, Conditions(rate=LINK, queue=1.0, delay=0.02))
    time.sleep(SETTLING_SECONDS)
    alice.frames()  # what was told before is of no interest
    before, began_at, frames = router.counters()[1], time.monotonic(), bob.frames()
    round_trips = []
    while time.monotonic() - began_at < 8:
        round_trips.append(alice.wait_for("statistics")["round_trip"])
    after, seconds = router.counters()[1], time.monotonic() - began_at
    assert (after.octets - before.octets) * 8 / seconds < 1.1 * LINK
    assert after.overflowed - before.overflowed < 0.05 * (after.packets - before.packets)
    assert sorted(round_trips)[len(round_trips) // 2] < 0.4  # of which 0.04 are the line
    assert (bob.frames() - frames) / seconds > 5  # 15 to 30 where the machine has time


def test_chance_losses_do_not_make_the_rate_collapse(network: Network, stack: ExitStack, film: Path) -> None:
    _, _, router = in_call(network, stack, film, Conditions(loss=0.05, delay=0.02))
    time.sleep(3)
    before, began_at = router.counters()[1], time.monotonic()
    time.sleep(5)
    after = router.counters()[1]
    assert (after.octets - before.octets) * 8 / (time.monotonic() - began_at) > 500_000
