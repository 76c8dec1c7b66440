"""All that a person reads on the terminal, and the events of `--json`, one a line."""

import json
import re
import sys
import time
from typing import TextIO

from peer import events
from peer.cli.line_limit import LineLimit
from peer.events import PeerEvent
from signaling.messages import printable

NAMES = {"video": "picture", "audio": "sound"}


class Console:
    """Writes events: to people as plain lines, to programs as JSON."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None) -> None:
        self._as_json = as_json
        self._out = out or sys.stdout
        self._limit = LineLimit()

    def show(self, event: PeerEvent) -> None:
        """Write one event. What others sent was escaped when it came in, or is here.

        Of what others can repeat at will, at most a line a second of each kind is written, a few at once.
        """
        left_out = 0
        if isinstance(event, _REPEATABLE):
            kind = _kind(event)
            if not self._limit.passes(kind, time.monotonic()):
                return
            left_out = self._limit.take_left_out(kind)
        elif isinstance(event, events.Ended):
            left_out = self._limit.take_all_left_out()
        line = self._json(event, left_out) if self._as_json else self._text(event, left_out)
        if line:
            print(line, file=self._out, flush=True)

    def _json(self, event: PeerEvent, left_out: int) -> str:
        return json.dumps(event.to_json() | ({"left_out": left_out} if left_out else {}))

    def _text(self, event: PeerEvent, left_out: int) -> str:
        line = _line(event)
        if left_out:
            line = f"{line} ({left_out} more such lines were left out)".lstrip()
        return line

    def fail(self, message: str) -> None:
        """Write why the command ends, on one line of standard error."""
        if not self._as_json:
            print(f"peer: {printable(' '.join(message.split()), 1000)}", file=sys.stderr, flush=True)  # noqa: T201


_REPEATABLE = events.Joined | events.Waiting | events.PartnerReady | events.Notice | events.Problem


def _kind(event: PeerEvent) -> str:
    """What lines that differ only in a name or number have in common: the words before those."""
    text = event.message if isinstance(event, events.Notice | events.Problem) else ""
    return f"{event.name} {re.split(r'[^a-zA-Z ,]', text, maxsplit=1)[0][:60]}"


def _line(event: PeerEvent) -> str:  # noqa: PLR0911 (one line an event)
    match event:
        case events.SourceOpened(label, kinds):
            return f"sending {' and '.join(sorted(kinds, reverse=True))}: {printable(label)}"
        case events.Muted(kinds):
            return f"muted: {' and '.join(NAMES[kind] for kind in reversed(kinds))}" if kinds else "nothing is muted"
        case events.RelayStarted(url, instead_of):
            taken = "" if instead_of is None else f" and another program has the port {instead_of}"
            return f"no relay was running{taken}, so this process runs one at {url}"
        case events.Joined(room, role, page):
            text = f'in room "{room}" as {role}'
            return f"{text}\n\n    open in a browser on this machine:  {page}\n" if page else text
        case events.Waiting():
            return "waiting for a partner"
        case events.PartnerReady():
            return "a partner is there; connecting"
        case events.Connected(seconds, path, codecs):
            return f"connected after {seconds:.2f} s ({_details(path, codecs)})"
        case events.Statistics():
            return f"{event.seconds:7.1f} s   sent {_stream(event.sent)}; received {_stream(event.received)}"
        case events.CallEnded():
            return _summary(event)
        case events.Notice(message):
            return printable(message, 500)
        case events.Problem(message):
            return f"problem: {printable(message, 500)}"
    return ""


def _details(path: str | None, codecs: dict[str, str]) -> str:
    names = [printable(codecs[kind], 20) for kind in ("video", "audio") if kind in codecs]
    return ", ".join([*names, f"path {printable(path, 40)}"] if path else names)


def _summary(ended: events.CallEnded) -> str:
    return "\n".join(
        [
            f"call ended after {ended.seconds:.1f} s: {printable(ended.reason)}",
            f"    connected in  {ended.seconds_to_connect:.2f} s ({_details(ended.path, ended.codecs)})",
            f"    sent          {_stream(ended.sent)}",
            f"    received      {_stream(ended.received)}",
        ]
    )


def _stream(stream: events.StreamSummary) -> str:
    parts = []
    if stream.video_frames:
        parts.append(f"{stream.video_frames} pictures, {stream.width}x{stream.height}")
    if stream.audio_frames:
        parts.append(f"{stream.audio_frames * 0.02:.1f} s of sound")
    return ", ".join([*parts, f"{stream.kbits_per_second:.0f} kbit/s"]) if parts else "nothing"
