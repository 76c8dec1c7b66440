"""No task and no thread of ours dies unseen: a defect put into each is told, and the rest goes on."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCDtlsTransport

import peer._aiortc.decoder_thread
import peer._aiortc.encoder_thread
import peer._aiortc.rtcp_out
from peer import Peer
from peer.background import start_task, start_thread, telling, watch_loop
from peer.events import CallEnded, Problem
from peer.media.sources.drawn.testsource import TestSource
from signaling.config import RelayConfig
from signaling.relay import Relay
from tests.peer.content import MEDIA, PATIENCE, hear, see
from tests.peer.story import Story


def fail(*_: Any, **__: Any) -> Any:
    raise TypeError("a \x1b[31mdefect")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 what is waited for has no event of its own
            await asyncio.sleep(0.01)


class Deaths:
    """Hears them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, name: str, error: Exception) -> None:
        self.told.append((name, type(error).__name__))
        self.threads.add(threading.current_thread())


async def raises() -> None:
    fail()


async def test_a_task_that_dies_is_told_and_ends_what_depends_on_it() -> None:
    deaths, ended = Deaths(), asyncio.Event()
    with telling(deaths):
        start_task(raises(), "counting", lambda error: ended.set())
    await asyncio.wait_for(ended.wait(), PATIENCE)
    await until(lambda: deaths.told)
    assert deaths.told == [("counting", "TypeError")]


async def test_a_thread_that_dies_is_told_on_the_event_loop() -> None:
    deaths, ended = Deaths(), threading.Event()
    with telling(deaths):
        thread = start_thread(fail, "counting", 1, 2, on_death=lambda error: ended.set())
    await until(lambda: deaths.told)
    assert ended.is_set()
    assert thread.daemon
    assert deaths.told == [("counting", "TypeError")]
    assert deaths.threads == {threading.current_thread()}


async def test_what_a_task_starts_is_told_to_the_same() -> None:
    """However deep, and also when it is started long after."""
    deaths = Deaths()

    async def outer() -> None:
        await asyncio.sleep(0)
        start_task(raises(), "inner")
        start_thread(fail, "inner thread")

    with telling(deaths):
        start_task(outer(), "outer")
    await until(lambda: len(deaths.told) == 2)
    assert {name for name, _ in deaths.told} == {"inner", "inner thread"}


async def test_an_end_without_a_defect_is_not_told() -> None:
    deaths = Deaths()
    with telling(deaths):
        done = start_task(asyncio.sleep(0), "a pause")
        cancelled = start_task(asyncio.sleep(PATIENCE), "a long pause")
        thread = start_thread(int, "nothing")
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([done, cancelled])
    await asyncio.to_thread(thread.join, PATIENCE)
    await asyncio.sleep(0)
    assert deaths.told == []


async def test_nobody_listens_and_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    start_task(raises(), "counting")
    start_thread(fail, "calculating")
    await until(lambda: len(caplog.records) == 2)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert "counting ended by a defect" in caplog.text


async def test_a_task_that_nobody_holds_goes_on() -> None:
    """The event loop itself keeps tasks by weak references, and one that waits for nobody's future could vanish."""
    reached = asyncio.Event()

    async def wait_for_what_only_it_knows() -> None:
        future = asyncio.get_running_loop().create_future()
        seen.append(weakref.ref(future))
        await future
        reached.set()

    seen: list[weakref.ref[asyncio.Future[None]]] = []
    start_task(wait_for_what_only_it_knows(), "waiting")
    await asyncio.sleep(0)
    gc.collect()
    future = seen[0]()
    assert future is not None
    future.set_result(None)
    await asyncio.wait_for(reached.wait(), PATIENCE)


async def test_what_a_library_started_is_told_once_to_who_owns_the_loop() -> None:
    deaths = Deaths()
    loop = asyncio.get_running_loop()
    watch_loop(deaths)
    try:
        for _ in range(3):
            loop.call_soon(fail)
        task = asyncio.ensure_future(raises())
        await asyncio.wait([task])
        del task
        gc.collect()  # that is when asyncio finds that nobody asked how it ended
        await until(lambda: deaths.told)
    finally:
        loop.set_exception_handler(None)
    assert deaths.told == [("something beside the call", "TypeError")]


# ---- in a call


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with Relay(RelayConfig(port=0)) as relay:
        yield relay


class BrokenSource(TestSource):
    """A program's source with a defect."""

    def open_tracks(self) -> list[MediaStreamTrack]:
        tracks = super().open_tracks()
        for track in tracks:
            track.recv = fail  # type: ignore[method-assign]
        return tracks


@pytest.mark.parametrize(
    ("owner", "name", "dies"),
    [
        (peer._aiortc.encoder_thread.Vp8Encoder, "encode", "sending video"),
        (peer._aiortc.decoder_thread._Vp8Decoder, "decode", "decoding video"),
        (peer._aiortc.rtcp_out.SenderReports, "make", "reporting on the video that is sent"),
    ],
)
async def test_a_defect_in_a_kind_is_told_and_the_other_kind_goes_on(
    owner: type, name: str, dies: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, fail)
    story = Story()
    async with (
        Peer(signaling=relay.url, on_event=story, **MEDIA) as one,
        Peer(role="answerer", signaling=relay.url, **MEDIA),
    ):
        await until(lambda: any(problem.message.startswith(f"{dies} ended") for problem in story.of(Problem)))
        await hear(one)
        assert story.of(CallEnded) == []
    for problem in story.of(Problem):
        assert "TypeError: a " in problem.message
        assert "report it" in problem.message
        assert problem.message.isprintable()


async def test_a_defect_in_a_programs_track_is_told_and_the_picture_goes_on(relay: Relay) -> None:
    story = Story()
    sources = [BrokenSource({"audio"}), TestSource({"video"}, size=(320, 240), fps=15)]
    async with (
        Peer(signaling=relay.url, on_event=story, sources=sources),
        Peer(role="answerer", signaling=relay.url, **MEDIA) as other,
    ):
        problem = await story.have(Problem)
        await see(other)
    assert problem.message.startswith("sending audio ended by a defect (TypeError: ")


async def test_a_defect_in_what_reads_from_the_partner_ends_the_call(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is aiortc's own task."""
    monkeypatch.setattr(RTCDtlsTransport, "_handle_rtcp_data", fail)
    story = Story()
    async with (
        Peer(signaling=relay.url, on_event=story, **MEDIA),
        Peer(role="answerer", signaling=relay.url, on_event=story, **MEDIA),
    ):
        problem = await story.have(Problem)
        await story.have(CallEnded)
    assert problem.message.startswith("reading from the partner ended by a defect (TypeError: ")
