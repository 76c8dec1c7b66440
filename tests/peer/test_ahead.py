"""What is made ready before media can flow: when the partner comes, and again where that was not what is needed."""

import asyncio
import threading
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import pytest
from aiortc import MediaStreamTrack

import peer._aiortc.sender
from peer.ice_servers import IceServer
from peer.sdp.description import Candidate
from peer.session.connection import Connection, ConnectionOptions


class Camera(MediaStreamTrack):
    """Grey pictures, 30 a second; notes how many were asked for, and by which film's rules."""

    kind = "video"

    def __init__(self, *, is_coded: bool = False) -> None:
        super().__init__()
        self.is_coded = is_coded
        self.asked = 0
        self.codecs: list[str | None] = []

    async def recv(self) -> av.VideoFrame:
        """The next picture."""
        self.asked += 1
        await asyncio.sleep(1 / 30)
        frame = av.VideoFrame(320, 240, "yuv420p")
        frame.pts, frame.time_base = self.asked, Fraction(1, 30)
        return frame

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """See `peer.media.base.codedtrack.CodedTrack`."""
        self.codecs.append(codec)

    def ask_keyframe(self) -> None:
        """See `peer.media.base.codedtrack.CodedTrack`."""


class Ear:
    """Hands one connection's candidates to the other."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.up = asyncio.Event()

    def on_candidate(self, candidate: Candidate) -> None:
        """Keep it."""
        self.candidates.append(candidate)

    def on_server(self, server: IceServer, problem: str | None) -> None:
        """There are none."""

    def on_up(self) -> None:
        """Media can flow."""
        self.up.set()

    def on_lost(self, reason: str) -> None:
        """The other one closed."""


async def first_received(one: Connection, other: Connection, ears: Sequence[Ear]) -> Any:
    """Connect the two; the first picture that the other gets."""
    offer = await one.make_offer()
    answer = await other.make_answer(offer)
    await one.apply_answer(answer)
    for connection, ear in zip((other, one), ears, strict=True):
        for candidate in ear.candidates:
            connection.add_candidate(candidate)
    await asyncio.gather(*(ear.up.wait() for ear in ears))
    (video,) = (track for track in other.remote_tracks if track.kind == "video")
    return await video.recv()


@pytest.fixture
def ears() -> list[Ear]:
    """One for each connection."""
    return [Ear(), Ear()]


def coders() -> set[threading.Thread]:
    """The threads that code and decode."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(("encoding ", "decoding "))}


async def call(camera: Camera, ears: Sequence[Ear], pause: float, **options: Any) -> tuple[Any, int]:
    """A call to a partner with these options; the first picture there, and how many were asked for ahead."""
    one = Connection(ConnectionOptions(), [camera], ears[0])
    other = Connection(ConnectionOptions(**options), [], ears[1])
    try:
        one.partner_comes()
        await asyncio.sleep(pause)
        ahead = camera.asked
        async with asyncio.timeout(20):
            return await first_received(one, other, ears), ahead
    finally:
        await asyncio.gather(one.close(), other.close())


async def test_the_first_picture_is_coded_when_the_partner_comes(ears: list[Ear]) -> None:
    camera = Camera()
    frame, ahead = await call(camera, ears, 0.2)
    assert ahead == 1
    assert frame.width == 320
    assert camera.codecs == ["VP8"]


async def test_a_picture_that_got_old_meanwhile_is_not_sent(ears: list[Ear], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer._aiortc.sender, "FIRST_PICTURE_SECONDS", 0.1)
    sent: list[int] = []
    send = peer._aiortc.sender.Sender._send_payloads

    async def note(self: Any, payloads: list[bytes], timestamp: int, level: int | None) -> None:
        if self.kind == "video":
            sent.append(timestamp)
        await send(self, payloads, timestamp, level)

    monkeypatch.setattr(peer._aiortc.sender.Sender, "_send_payloads", note)
    camera = Camera()
    _, ahead = await call(camera, ears, 0.5)
    assert ahead == 1
    assert sent[0] > 3000  # not the first, of which the clock says 3000


async def test_another_codec_than_the_likely_one_begins_anew(ears: list[Ear]) -> None:
    camera = Camera()
    frame, ahead = await call(camera, ears, 0.2, video_codec="h264")
    assert ahead == 1
    assert (frame.width, camera.codecs) == (320, ["VP8", "H264"])


async def test_a_film_is_not_begun_before_its_codec_is_agreed_on(ears: list[Ear]) -> None:
    camera = Camera(is_coded=True)
    frame, ahead = await call(camera, ears, 0.2, video_codec="h264")
    assert ahead == 0
    assert (frame.width, camera.codecs) == (320, ["H264"])


async def test_what_was_made_ready_for_nothing_goes_with_the_connection(ears: list[Ear]) -> None:
    before = coders()
    connection = Connection(ConnectionOptions(), [Camera()], ears[0])
    connection.partner_comes()
    made = coders() - before
    assert {thread.name for thread in made} == {"encoding VP8", "decoding video", "decoding audio"}
    await asyncio.sleep(0.1)
    await connection.close()
    for thread in made:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
