"""Carries out what the negotiation decides: the shell around `negotiation`, and the one place of its timers."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from peer.errors import ConnectTimeoutError, NegotiationError, PeerError
from peer.events import CallEnded, Connected, Notice, PartnerReady, PeerEvent, Waiting
from peer.ice_servers import IceServer
from peer.sdp.description import Candidate, Description
from peer.session import jsep
from peer.session.call import Call
from peer.session.connection import Listener
from peer.session.inbox import Inbox
from peer.session.negotiation import Negotiation
from signaling.messages import ClientMessage, Forward

logger = logging.getLogger(__name__)

TIMED_OUT = "no connection within"
MAX_CLOSING = 4
"""Calls that may be closing while the next one opens."""


class Surroundings(Protocol):
    """What a driver needs of the peer around it."""

    def make_call(self, listener: Listener) -> Call:
        """A call that nobody is in yet."""

    async def send(self, message: ClientMessage) -> None:
        """Hand a message to the relay, or drop it when there is none."""

    async def rejoin(self) -> None:
        """Join the same room again."""

    def tell(self, event: PeerEvent) -> None:
        """Say what happened."""

    def call_came_up(self) -> None:
        """A call is up."""

    def call_ended(self, ended: CallEnded) -> None:
        """A call that was up is over."""

    def attempt_failed(self, error: PeerError) -> None:
        """A call did not come up. The next attempt follows by itself."""

    def server_answered(self, server: IceServer, problem: str | None) -> None:
        """A STUN or TURN server answered (None), or did not."""


class Driver:
    """Feeds events to the negotiation, one at a time, and carries out its actions in their order.

    What takes long (making descriptions, closing) runs beside, and comes back as an event with its generation.
    """

    def __init__(self, surroundings: Surroundings, connect_timeout: float) -> None:
        self.negotiation = Negotiation()
        self.call: Call | None = None
        self.around = surroundings
        self._connect_timeout = connect_timeout
        self._inbox = Inbox()
        self._arrived, self._has_room = asyncio.Event(), asyncio.Event()
        self._timers: dict[jsep.Timer, asyncio.TimerHandle] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._reason = "ended"
        self._summaries = 0
        """How many calls that were up are being summed up: that comes before the next news."""
        self._news: list[PeerEvent] = []

    def post(self, event: jsep.Event | BaseException) -> None:
        """Let an event be handled, after those posted before. An error ends `run`."""
        self._inbox.put(event)
        self._arrived.set()

    async def post_relayed(self, event: jsep.Event) -> None:
        """The same for what the relay says. Waits while too much of that waits: then TCP holds the relay back."""
        self._inbox.put_relayed(event)
        self._arrived.set()
        while self._inbox.is_full:
            self._has_room.clear()
            await self._has_room.wait()

    async def run(self) -> None:
        """Handle events until cancelled. Raises what a job that runs beside died of, which is a defect."""
        while True:
            event = await self._next()
            if isinstance(event, BaseException):
                raise event
            await self._handle(event)

    async def _next(self) -> jsep.Event | BaseException:
        now = asyncio.get_running_loop().time
        while (event := self._inbox.take(now())) is None:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._inbox.wait(now())):
                    await self._arrived.wait()
        self._has_room.set()
        return event

    async def close(self, reason: str) -> None:
        """End the call that is running, and all jobs. Call it once `run` has ended."""
        self._reason = reason
        await self._handle(jsep.Closed())
        while self._jobs:
            await asyncio.gather(*self._jobs)

    async def _handle(self, event: jsep.Event) -> None:
        before = self.negotiation.state
        self._note_reason(event)
        actions = self.negotiation.receive(event)
        logger.debug("%s: %s -> %s", type(event).__name__, before, self.negotiation.state)
        for action in actions:
            await self._carry_out(action)
        if self.negotiation.state is jsep.State.WAITING != before:
            self._tell(Waiting())
        if isinstance(event, jsep.PartnerReady) and self.call is not None and not self.call.was_up:
            self.call.partner_ready()
            self._tell(PartnerReady(self.negotiation.role))
        if isinstance(event, jsep.ConnectionUp) and self.negotiation.state is jsep.State.CONNECTED != before:
            self._begin_call()

    def _note_reason(self, event: jsep.Event) -> None:
        match event:
            case jsep.PartnerLeft():
                self._reason = "the partner left"
            case jsep.PartnerReady():
                self._reason = "the partner came anew"
            case jsep.NetworkChanged(cut=True):
                self._reason = "this machine's network address changed"
            case jsep.ConnectionLost(_, reason) | jsep.DescriptionRejected(_, reason):
                self._reason = reason

    async def _carry_out(self, action: jsep.Action) -> None:  # noqa: C901 (one line an action)
        call = self.call
        match action:
            case jsep.OpenConnection(generation):
                await self._wait_for_closing()
                self._open(generation)
            case jsep.CloseConnection():
                self._close_call()
            case jsep.MakeOffer(generation) if call:
                self._run(self._describe(generation, call.connection.make_offer()))
            case jsep.ApplyOffer(generation, offer) if call:
                self._run(self._describe(generation, call.connection.make_answer(offer)))
            case jsep.ApplyAnswer(generation, answer) if call:
                self._run(self._describe(generation, call.connection.apply_answer(answer)))
            case jsep.AddCandidate(_, candidate) if call:
                call.connection.add_candidate(candidate)
            case jsep.SendDescription(description):
                await self.around.send(Forward(description.type, description.to_payload()))
            case jsep.SendCandidate(candidate):
                await self.around.send(Forward("ice-candidate", candidate.to_payload()))
            case jsep.StartTimer(timer, seconds):
                self._start_timer(timer, seconds)
            case jsep.StopTimer(timer):
                self._stop_timer(timer)
            case jsep.Rejoin():
                await self.around.rejoin()
            case jsep.ReportFailure(reason):
                self._report_failure(reason)

    # ---- calls

    def _open(self, generation: int) -> None:
        self._inbox.connection_opened(asyncio.get_running_loop().time())
        self.call = self.around.make_call(_Ear(self, generation))
        self._run(self._gather(generation, self.call))

    async def _wait_for_closing(self) -> None:
        """A partner that offers faster than connections close must not make them pile up."""
        while len(self._closing) >= MAX_CLOSING:
            await asyncio.wait(self._closing, return_when=asyncio.FIRST_COMPLETED)

    async def _gather(self, generation: int, call: Call) -> None:
        try:
            await call.connection.start()
        except OSError as error:
            self.post(jsep.DescriptionRejected(generation, f"no network address to offer: {error}"))

    async def _describe(self, generation: int, job: Coroutine[Any, Any, Description | None]) -> None:
        try:
            made = await job
        except NegotiationError as error:
            self.post(jsep.DescriptionRejected(generation, str(error)))
        except OSError:
            logger.debug("nothing could be gathered, as is told where it was asked for")
        else:
            if made is not None:
                self.post(jsep.LocalDescription(generation, made))

    def _begin_call(self) -> None:
        if self.call is not None:
            self.call.begin()
            connection = self.call.connection
            seconds = round(self.call.seconds_to_connect, 3)
            self.around.call_came_up()
            self._tell(Connected(seconds, connection.path, connection.codecs), *map(Notice, connection.left_out))

    def _close_call(self) -> None:
        if self.call is not None:
            self._summaries += self.call.was_up
            task = self._run(self._end(self.call, self._reason))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self.call = None

    async def _end(self, call: Call, reason: str) -> None:
        if call.was_up:
            self.around.call_ended(await call.summary(reason))
            self._summaries -= 1
            self._tell()
        await call.close()

    def _tell(self, *news: PeerEvent) -> None:
        """Say what happened, in its order: after the summary of the call before."""
        self._news += news
        while self._news and not self._summaries:
            self.around.tell(self._news.pop(0))

    def _report_failure(self, reason: str) -> None:
        if self.call is None or not self.call.was_up:  # a call that was up tells by its end
            kind = ConnectTimeoutError if reason.startswith(TIMED_OUT) else NegotiationError
            self.around.attempt_failed(kind(reason))

    def _run(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._job_ended)
        return task

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.post(error)

    # ---- timers

    def _start_timer(self, timer: jsep.Timer, seconds: float | None) -> None:
        self._stop_timer(timer)
        delay = self._connect_timeout if seconds is None else seconds
        self._timers[timer] = asyncio.get_running_loop().call_later(delay, self._fire, timer)

    def _stop_timer(self, timer: jsep.Timer) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def _fire(self, timer: jsep.Timer) -> None:
        del self._timers[timer]
        if timer is jsep.Timer.CONNECT and self.call is not None:
            reason = f"{TIMED_OUT} {self._connect_timeout:g} s: {self.call.connection.tried.describe()}"
            self.post(jsep.ConnectionLost(self.negotiation.generation, reason))
        else:
            self.post(jsep.TimerFired(timer))


class _Ear:
    """Turns what a connection tells into events of its generation."""

    def __init__(self, driver: Driver, generation: int) -> None:
        self._driver = driver
        self._generation = generation

    def on_candidate(self, candidate: Candidate) -> None:
        self._driver.post(jsep.LocalCandidate(self._generation, candidate))

    def on_server(self, server: IceServer, problem: str | None) -> None:
        self._driver.around.server_answered(server, problem)

    def on_up(self) -> None:
        self._driver.post(jsep.ConnectionUp(self._generation))

    def on_lost(self, reason: str) -> None:
        self._driver.post(jsep.ConnectionLost(self._generation, reason))
