"""Coverage-guided fuzzing of everything that a partner can send: `make fuzz`, for as long as you like.

A payload goes the way of a real one: parsed, then, as far as it passes, into the negotiation and a real connection.
Only `NegotiationError` may come out. Connections are made in a network namespace of their own, without any route, so
that no address in a candidate is ever reached. What libFuzzer finds is left in the current folder as `crash-*`; add it
to tests/peer/corpus, from which the tests replay it.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["peer", "aiortc.sdp", "aiortc.rtcpeerconnection", "signaling.messages"]):
    from peer.errors import NegotiationError
    from peer.sdp.description import Candidate, Description, parse_candidate, parse_description
    from peer.session import jsep
    from peer.session.connection import Connection, ConnectionOptions
    from peer.session.negotiation import Negotiation
    from signaling.messages import MessageError, Role, parse_from_client, parse_from_relay

CLONE_NEWNET = 0x40000000


class Deaf:
    """Hears nothing of a connection that goes nowhere."""

    def on_candidate(self, candidate: Candidate) -> None:
        """Nobody to send it to."""

    def on_server(self, server: object, problem: str | None) -> None:
        """None was named."""

    def on_up(self) -> None:
        """Impossible here."""

    def on_lost(self, reason: str) -> None:
        """Likely here."""


async def answer(offer: Description, candidates: list[Candidate]) -> None:
    connection = Connection(ConnectionOptions(), [], Deaf())
    try:
        await connection.make_answer(offer)
        for candidate in candidates:
            connection.add_candidate(candidate)
    finally:
        await connection.close()


def one_input(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for parse in (parse_from_client, parse_from_relay):
        with contextlib.suppress(MessageError):
            parse(text)
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        payload = text
    candidates = []
    with contextlib.suppress(NegotiationError):
        candidates.append(parse_candidate(payload))
    try:
        offer = parse_description("offer", payload)
    except NegotiationError:
        return
    machine = Negotiation()
    for event in (jsep.Admitted(Role.ANSWERER), jsep.PartnerReady(), jsep.RemoteDescription(offer)):
        machine.receive(event)
    with contextlib.suppress(NegotiationError):
        asyncio.run(answer(offer, candidates))


async def real_offer() -> str:
    connection = Connection(ConnectionOptions(), [], Deaf())
    try:
        return (await connection.make_offer()).sdp
    finally:
        await connection.close()


def write_seeds(folder: Path) -> None:
    """A real offer, and all that the tests know to be nasty, each as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds: list[object] = [{"type": "offer", "sdp": asyncio.run(real_offer())}]
    for file in (Path(__file__).parent.parent / "peer" / "corpus").glob("*.json"):
        entries = json.loads(file.read_text())
        seeds += entries.values() if isinstance(entries, dict) else entries
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number}").write_text(json.dumps(seed))


def main() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        why = os.strerror(ctypes.get_errno())
        sys.exit(f"fuzzing needs a network namespace of its own, which this user may not make ({why}): run it as root")
    corpus = Path("build") / "fuzz-corpus"
    write_seeds(corpus)
    atheris.Setup([*sys.argv, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
