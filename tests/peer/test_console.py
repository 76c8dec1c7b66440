"""What a person reads, and what programs read; hostile text harms neither."""

import io
import json
from dataclasses import fields

import pytest

from peer import events
from peer.cli.console import Console

HOSTILE = '\x1b]0;owned\x07\x1b[2J\r\nin room "x"\u202e\u2066\x00\x7f\x9b31m\udcff'
SENT = events.StreamSummary(video_frames=90, width=1280, height=720, audio_frames=150, kbits_per_second=1234.5)
CALL = events.CallEnded("the partner left", 12.34, 0.256, "host-host", {"video": "VP8", "audio": "opus"}, SENT)

EVENTS: list[tuple[events.PeerEvent, str]] = [
    (events.SourceOpened("test picture", ["audio", "video"]), "sending video and audio: test picture\n"),
    (
        events.RelayStarted("ws://localhost:8080"),
        "no relay was running, so this process runs one at ws://localhost:8080\n",
    ),
    (
        events.RelayStarted("ws://localhost:8081", 8080),
        "no relay was running and another program has the port 8080, so this process runs one at ws://localhost:8081\n",
    ),
    (events.Joined("lab", "offerer"), 'in room "lab" as offerer\n'),
    (
        events.Joined("lab", "offerer", "http://localhost:8080/?role=answerer&start"),
        'in room "lab" as offerer\n\n    open in a browser on this machine:  '
        "http://localhost:8080/?role=answerer&start\n\n",
    ),
    (events.Waiting(), "waiting for a partner\n"),
    (events.PartnerReady("offerer"), "a partner is there; connecting\n"),
    (
        events.Connected(0.2561, "host-srflx", {"video": "VP8", "audio": "opus"}),
        "connected after 0.26 s (VP8, opus, path host-srflx)\n",
    ),
    (events.Connected(1.0, None, {"audio": "opus"}), "connected after 1.00 s (opus)\n"),
    (
        CALL,
        "call ended after 12.3 s: the partner left\n"
        "    connected in  0.26 s (VP8, opus, path host-host)\n"
        "    sent          90 pictures, 1280x720, 3.0 s of sound, 1234 kbit/s\n"
        "    received      nothing\n",
    ),
    (
        events.Statistics(61.5, SENT, events.StreamSummary(), 3, 0.02),
        "   61.5 s   sent 90 pictures, 1280x720, 3.0 s of sound, 1234 kbit/s; received nothing\n",
    ),
    (events.Muted(["audio"]), "muted: sound\n"),
    (events.Notice("no camera: sending the test picture"), "no camera: sending the test picture\n"),
    (events.Problem("the relay is gone"), "problem: the relay is gone\n"),
    (events.Ended(1), ""),
]


@pytest.mark.parametrize(("event", "text"), EVENTS)
def test_what_a_person_reads(event: events.PeerEvent, text: str) -> None:
    out = io.StringIO()
    Console(as_json=False, out=out).show(event)
    assert out.getvalue() == text


@pytest.mark.parametrize(("event", "text"), EVENTS)
def test_what_a_program_reads(event: events.PeerEvent, text: str) -> None:
    out = io.StringIO()
    Console(as_json=True, out=out).show(event)
    (line,) = out.getvalue().splitlines()
    read = json.loads(line)
    assert read.pop("event") == event.name
    assert read.keys() == {field.name for field in fields(event)}


def test_an_event_for_programs_has_all_of_a_call() -> None:
    out = io.StringIO()
    Console(as_json=True, out=out).show(CALL)
    assert json.loads(out.getvalue()) == {
        "event": "call-ended",
        "reason": "the partner left",
        "seconds": 12.34,
        "seconds_to_connect": 0.256,
        "path": "host-host",
        "codecs": {"video": "VP8", "audio": "opus"},
        "sent": {"video_frames": 90, "width": 1280, "height": 720, "audio_frames": 150, "kbits_per_second": 1234.5},
        "received": {"video_frames": 0, "width": 0, "height": 0, "audio_frames": 0, "kbits_per_second": 0.0},
    }


def test_every_event_has_a_name_of_its_own_and_is_shown_here() -> None:
    of_the_module = [kind for kind in vars(events).values() if isinstance(kind, type)]
    kinds = [kind for kind in of_the_module if issubclass(kind, events.PeerEvent) and kind is not events.PeerEvent]
    assert len({kind.name for kind in kinds} - {""}) == len(kinds)
    assert {type(event) for event, _ in EVENTS} == set(kinds)


@pytest.mark.parametrize(
    "event",
    [
        events.SourceOpened(HOSTILE, ["video"]),
        events.Connected(1.0, HOSTILE, {"video": HOSTILE, HOSTILE: "opus"}),
        events.CallEnded(HOSTILE, 1.0, 1.0, "host-host", {"video": HOSTILE}),
        events.Notice(HOSTILE * 100),
        events.Problem(HOSTILE * 100),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_hostile_text_is_only_text(event: events.PeerEvent, as_json: bool) -> None:
    out = io.StringIO()
    Console(as_json=as_json, out=out).show(event)
    lines = out.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == (5 if isinstance(event, events.CallEnded) and not as_json else 2)
    out.getvalue().encode()  # a surrogate would not do


def test_an_error_is_one_line_on_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=False).fail(f"it is\n  broken: {HOSTILE}")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("peer: it is broken: \\x1b]0;owned")
    assert captured.err.removesuffix("\n").isprintable()


def test_a_program_finds_the_error_among_the_events_only(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=True).fail("broken")
    assert capsys.readouterr() == ("", "")


def test_it_writes_where_the_program_writes(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=False).show(events.Waiting())
    assert capsys.readouterr().out == "waiting for a partner\n"


REPEATED = [events.Joined("lab", "offerer"), events.Waiting(), events.PartnerReady("offerer")]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_others_can_repeat_is_told_a_few_times_and_counted(as_json: bool) -> None:
    out = io.StringIO()
    console = Console(as_json=as_json, out=out)
    for number in range(1000):
        for event in REPEATED:
            console.show(event)
        console.show(events.Problem(f"the relay says: {number}"))
    console.show(events.CallEnded("the partner left", 1.0, 1.0, None, {}))
    console.show(events.Ended(1))
    lines = out.getvalue().splitlines()
    assert 12 <= len(lines) <= 30
    if as_json:
        assert json.loads(lines[-1])["left_out"] > 3900
    else:
        assert lines[-1].endswith(" more such lines were left out)")


def test_different_news_at_once_are_all_told() -> None:
    out = io.StringIO()
    console = Console(as_json=False, out=out)
    texts = ["no camera: sending a test picture", "no microphone: sending a test tone", "ICE server stun:a: no answer"]
    for text in texts * 3:
        console.show(events.Notice(text))
    assert len(out.getvalue().splitlines()) == 9
