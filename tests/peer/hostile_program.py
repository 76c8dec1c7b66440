"""A hostile partner's descriptions against a real connection: run in a network namespace, also without assertions.

    python [-O] -m tests.peer.hostile_program offer|answer EXAMPLES

A connection gets descriptions made from those of a real partner, with lines dropped, repeated, moved and changed. It
may raise `NegotiationError`, and nothing else; nothing may be left in the event loop's hands, and afterwards a good
description must work. Checks are `raise`, not `assert`: this runs under `python -O` too.
"""

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.errors import NegotiationError
from peer.ice_servers import IceServer
from peer.media.sources.drawn.testsource import TestSource
from peer.sdp.description import (
    Candidate,
    Description,
    DescriptionType,
    parse_candidate,
    parse_description,
    with_candidates,
)
from peer.session.connection import Connection, ConnectionOptions
from tests.peer import payloads

UP_SECONDS = 0.5
"""A mutation that leaves a connection possible gets so long to come up, and on to senders and receivers."""


GOOD_SECONDS = 15.0


class Harm(Exception):
    """Something got through."""


class Listener:
    """What a connection tells."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.up = asyncio.Event()
        self.lost = asyncio.Event()

    def on_candidate(self, candidate: Candidate) -> None:
        self.candidates.append(candidate)

    def on_server(self, server: IceServer, problem: str | None) -> None:
        raise Harm(f"a server was asked: {server}")

    def on_up(self) -> None:
        self.up.set()

    def on_lost(self, reason: str) -> None:
        self.lost.set()

    async def end(self, seconds: float) -> None:
        """Wait until it is up or lost."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.up, self.lost)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def connect(listener: Listener) -> Connection:
    source = TestSource({"audio", "video"}, (64, 64), 10)
    return Connection(ConnectionOptions(), source.open_tracks(), listener)


def partner() -> RTCPeerConnection:
    pc = RTCPeerConnection()
    for track in TestSource({"audio", "video"}, (64, 64), 10).open_tracks():
        pc.addTrack(track)
    return pc


async def get_offer(mutate: Callable[[str], str], patience: float = UP_SECONDS) -> bool:
    """Take a changed offer, answer it, and let the partner apply the answer; whether it came up."""
    listener, pc = Listener(), partner()
    connection = connect(listener)
    try:
        await pc.setLocalDescription(await pc.createOffer())
        offer = parse_description("offer", mutate(pc.localDescription.sdp))
        answer = await connection.make_answer(offer)
        complete = with_candidates(answer, [c for c in listener.candidates if c.line], complete=True)
        await answer_partner(pc, complete)
        await listener.end(patience)
        return listener.up.is_set()
    finally:
        await connection.close()
        await pc.close()


async def answer_partner(pc: RTCPeerConnection, answer: Description) -> None:
    """The partner's software is stock aiortc; that it may stumble over an answer to a changed offer is its affair."""
    with contextlib.suppress(Exception):
        await pc.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))


async def get_answer(mutate: Callable[[str], str], patience: float = UP_SECONDS) -> bool:
    """Offer, and take a changed answer; whether it came up."""
    listener, pc = Listener(), partner()
    connection = connect(listener)
    try:
        offer = await connection.make_offer()
        complete = with_candidates(offer, [c for c in listener.candidates if c.line], complete=True)
        await pc.setRemoteDescription(RTCSessionDescription(complete.sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        answer = parse_description("answer", mutate(pc.localDescription.sdp))
        await connection.apply_answer(answer)
        await listener.end(patience)
        return listener.up.is_set()
    finally:
        await connection.close()
        await pc.close()


async def give_candidates(lines: list[Any]) -> None:
    """Ten thousand candidates on a connection that waits for any."""
    listener, pc = Listener(), partner()
    connection = connect(listener)
    try:
        await pc.setLocalDescription(await pc.createOffer())
        bare = with_candidates(Description("offer", pc.localDescription.sdp), [], complete=False)
        await connection.make_answer(bare)
        for payload in lines:
            with contextlib.suppress(NegotiationError):
                connection.add_candidate(parse_candidate(payload))
        await asyncio.sleep(0)
        connection.tried.describe()
    finally:
        await connection.close()
        await pc.close()


class Loop:
    """One event loop for all examples, that keeps what nobody else caught."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.uncaught: list[dict[str, Any]] = []
        self.runner.get_loop().set_exception_handler(lambda _, context: self.uncaught.append(context))

    def run(self, job: Coroutine[Any, Any, Any]) -> Any:
        """The result, or None for a `NegotiationError`. Raises `Harm` for what came out elsewhere."""
        result = None
        try:
            result = self.runner.run(self._bounded(job))
        except NegotiationError as error:
            if not str(error).isprintable() or len(str(error)) > 300:
                raise Harm(f"not fit for a person: {str(error)!r}") from error
        gc.collect()
        self.runner.run(asyncio.sleep(0))
        if self.uncaught:
            context = self.uncaught.pop()
            self.uncaught.clear()
            raise Harm(context["message"]) from context.get("exception")
        return result

    async def _bounded(self, job: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(20):
            return await job


def main(kind: DescriptionType, examples: int) -> None:
    loop = Loop()
    take = get_offer if kind == "offer" else get_answer
    if not loop.run(take(lambda sdp: sdp, GOOD_SECONDS)):
        raise Harm("not even a good description works")
    counts = {"up": 0, "not up": 0}

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True, report_multiple_bugs=False)
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        up = loop.run(take(lambda sdp: data.draw(payloads.mutated(sdp, real=True))))
        counts["up" if up else "not up"] += 1

    @settings(max_examples=max(examples // 10, 3), deadline=None, database=None, derandomize=True)
    @given(st.lists(payloads.candidates, min_size=1, max_size=30))
    def fuzz_candidates(lines: list[Any]) -> None:
        loop.run(give_candidates(lines * (10_000 // len(lines))))

    fuzz()
    fuzz_candidates()
    for _, payload in payloads.saved("descriptions"):
        sdp = payload.get("sdp") if isinstance(payload, dict) else payload
        loop.run(take(lambda _, sdp=sdp: sdp))  # type: ignore[misc]
    if not loop.run(take(lambda sdp: sdp, GOOD_SECONDS)):
        raise Harm("a good description does not work any more")
    loop.runner.close()
    print(counts)


if __name__ == "__main__":
    main("offer" if sys.argv[1] == "offer" else "answer", int(sys.argv[2]))
