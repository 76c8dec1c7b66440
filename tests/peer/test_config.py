"""The options: their defaults, their checks, and where they come from."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.cli.main import parse, parser
from peer.config import DEFAULT_CONNECT_TIMEOUT, PeerOptions, parse_size
from peer.errors import UsageError
from signaling.messages import Role


def test_the_defaults() -> None:
    options = PeerOptions()
    assert options.asked_role is Role.OFFERER
    assert (options.signaling, options.room, options.token) == (None, None, None)
    assert (options.video, options.audio) == ("auto", "auto")
    assert options.parsed_ice_servers() == ()
    assert options.connect_timeout == DEFAULT_CONNECT_TIMEOUT
    assert not options.once


GOOD: list[dict[str, Any]] = [
    {"role": "answerer"},
    {"role": Role.ANSWERER},
    {"signaling": "ws://localhost:8080"},
    {"signaling": "wss://example.com/some/path?x=1"},
    {"signaling": "ws://[::1]:8080/"},
    {"size": "1280x720"},
    {"size": (640, 480)},
    {"fps": 29.97},
    {"video_codec": "h264"},
    {"max_bitrate": 800_000},
    {"latency": "smooth"},
    {"candidates": "private"},
    {"ice_servers": ("stun:a.example.com", "turn:b.example.com"), "ice_username": "u", "ice_credential": "c"},
    {"relay_only": True, "ice_servers": ("turn:b.example.com",), "ice_username": "u", "ice_credential": "c"},
    {"relay_only": True},  # the relay may name a TURN server
    {"duration": 0.5, "connect_timeout": 1},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"role": "caller"}, "--role caller: must be one of offerer, answerer"),
    ({"role": ""}, "--role"),
    ({"role": None}, "--role"),
    ({"role": "\x1b[2J" * 100}, r"--role \\x1b"),
    ({"signaling": ""}, "not a WebSocket address"),
    ({"signaling": "localhost:8080"}, "not a WebSocket address"),
    ({"signaling": "http://localhost:8080"}, "not a WebSocket address"),
    ({"signaling": "ws://"}, "not a WebSocket address"),
    ({"signaling": "ws://:8080"}, "not a WebSocket address"),
    ({"signaling": "ws://localhost:0"}, "not a WebSocket address"),
    ({"signaling": "ws://localhost:99999"}, "--signaling"),
    ({"signaling": "ws://localhost:http"}, "--signaling"),
    ({"signaling": "ws://[::1"}, "--signaling"),
    ({"port": 0}, "--port 0: must be from 1 to 65535"),
    ({"port": 65536}, "--port 65536: must be from 1 to 65535"),
    ({"port": 8081, "signaling": "ws://localhost:8081"}, "--port is for a relay of this machine: leave out either"),
    ({"token": ""}, "--token: an empty token keeps nobody out"),
    ({"token": "x" * 5000}, "--token: the token is longer than 4096 characters"),
    ({"token": "\udcff"}, "--token: the token is not valid Unicode"),
    ({"allow_origins": ("null",), "signaling": "ws://localhost"}, "--allow-origin is for a relay of this machine"),
    ({"allow_origins": ("https://example.com/app",)}, "--allow-origin: 'https://example.com/app' is no web origin"),
    ({"allow_origins": ("\x1b[2J",)}, r"--allow-origin: '\\x1b\[2J' is no web origin"),
    ({"video_codec": "vp9"}, "--video-codec vp9: must be one of vp8, h264"),
    ({"latency": "none"}, "--latency none: must be one of low, balanced, smooth"),
    ({"encoder": "gpu"}, "--encoder gpu: must be one of software, auto, h264_nvenc"),
    ({"max_bitrate": "fast"}, "--max-bitrate fast: write bits a second, such as 2.5M"),
    ({"max_bitrate": "2,5M"}, "--max-bitrate 2,5M: write"),
    ({"max_bitrate": "-1"}, "--max-bitrate -1: write"),
    ({"max_bitrate": 0}, "--max-bitrate 0: must be from 100k to 50M"),
    ({"max_bitrate": "1G"}, "--max-bitrate 1G: write"),
    ({"max_bitrate": "51M"}, "--max-bitrate 51M: must be from 100k to 50M"),
    ({"candidates": "some"}, "--candidates some"),
    ({"size": "720p"}, "--size 720p: write WIDTHxHEIGHT"),
    ({"size": "0x0"}, "--size 0x0: both sides"),
    ({"size": "641x480"}, "--size 641x480: both sides must be even"),
    ({"size": "99999x99999"}, "--size 99999x99999"),
    ({"size": "-640x480"}, "--size -640x480"),
    ({"size": (640, 481)}, "--size 640x481"),
    ({"size": (640,)}, "--size 640"),
    ({"fps": 0}, "--fps 0: must be from 1"),
    ({"fps": -5}, "--fps -5"),
    ({"fps": 1000}, "--fps 1000: more than 240"),
    ({"fps": float("nan")}, "--fps nan"),
    ({"duration": 0}, "--duration 0: must be from 0.1 to 1000000"),
    ({"duration": float("inf")}, "--duration inf: must be from 0.1 to 1000000"),
    ({"connect_timeout": 0.5}, "--connect-timeout 0.5: must be from 1"),
    ({"ice_servers": ("example.com",)}, "not the address of an ICE server"),
    ({"ice_servers": ("turn:example.com",)}, "needs --ice-username and --ice-credential"),
    ({"ice_servers": ("stun:example.com",) * 17}, "at most 16 servers"),
    ({"ice_servers": ("stun:example.com",), "relay_only": True}, "--relay-only needs a TURN server"),
]


@pytest.mark.parametrize("values", GOOD)
def test_good_values(values: dict[str, Any]) -> None:
    options = PeerOptions(**values)
    expected = values | ({"size": (1280, 720)} if values.get("size") == "1280x720" else {})
    assert {name: getattr(options, name) for name in values} == expected


@pytest.mark.parametrize(("values", "complaint"), BAD)
def test_a_bad_value_is_told_in_one_line(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        PeerOptions(**values)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,8}[xX][0-9]{1,8}"))
def test_any_text_is_a_size_or_is_refused(text: str) -> None:
    try:
        width, height = parse_size(text)
    except UsageError:
        return
    assert width % 2 == height % 2 == 0
    assert min(width, height) >= 16
    assert max(width, height) <= 7680


# ---- command line and environment

VALUES = {
    "role": ("answerer", "answerer"),
    "signaling": ("ws://relay.example.com", "ws://relay.example.com"),
    "room": ("lab -1", "lab -1"),
    "token": ("-secret", "-secret"),
    "port": ("8090", 8090),
    "video": ("test", "test"),
    "audio": ("none", "none"),
    "size": ("640x480", (640, 480)),
    "fps": ("15", 15.0),
    "loop": (True, True),
    "start": ("1.5", 1.5),
    "reencode": (True, True),
    "video_codec": ("vp8", "vp8"),
    "transform": ("edges:edges", "edges:edges"),
    "transform_received": ("edges.py:edges", "edges.py:edges"),
    "max_bitrate": ("2.5M", 2_500_000),
    "encoder": ("auto", "auto"),
    "latency": ("low", "low"),
    "record": ("out.mp4", "out.mp4"),
    "overwrite": (True, True),
    "transcode": (True, True),
    "snapshot": ("shots/door.png", "shots/door.png"),
    "snapshot_every": ("0.5", 0.5),
    "snapshot_keep": ("10", 10),
    "display": (True, True),
    "play": ("speaker:Headphones", "speaker:Headphones"),
    "ice_username": ("u", "u"),
    "ice_credential": ("c", "c"),
    "relay_only": (True, True),
    "candidates": ("public", "public"),
    "once": (True, True),
    "duration": ("2.5", 2.5),
    "stats": ("1", 1.0),
    "connect_timeout": ("5", 5.0),
}

REPEATED = {
    "ice_server": ("stun:a", "stun:b:1"),
    "allow_origin": ("https://example.com", "null"),
}


def test_every_option_of_python_is_one_of_the_command_line() -> None:
    options = {option.dest for option in parser()._actions} - {"help", "json", "verbose", "version", *REPEATED}
    assert options == {field.name for field in fields(PeerOptions)} - {f"{name}s" for name in REPEATED}
    assert options <= VALUES.keys(), "a new option: give it a value in this test"


@pytest.mark.parametrize("name", VALUES)
def test_every_option_is_read_from_the_command_line_and_from_the_environment(name: str) -> None:
    given, expected = VALUES[name]
    option = "--" + name.replace("_", "-")
    _, options = parse([option] if given is True else [f"{option}={given}"], {})
    assert getattr(options, name) == expected
    _, options = parse([], {f"PEER_{name.upper()}": "1" if given is True else str(given)})
    assert getattr(options, name) == expected
    _, options = parse([], {f"PEER_{name.upper()}": ""})
    assert options == PeerOptions(), "an empty variable is none"


def test_the_command_line_wins() -> None:
    _, options = parse(["--role", "offerer", "--no-once"], {"PEER_ROLE": "answerer", "PEER_ONCE": "1"})
    assert (options.role, options.once) == ("offerer", False)
    assert parse(["--no-play"], {"PEER_PLAY": "default"})[1].play is None
    assert parse(["--play", "--once"], {})[1].play == "default"


@pytest.mark.parametrize("name", REPEATED)
def test_some_are_repeated_and_separated_by_spaces_in_the_environment(name: str) -> None:
    one, two = REPEATED[name]
    option = "--" + name.replace("_", "-")
    _, options = parse([option, one, option, two], {})
    assert getattr(options, f"{name}s") == (one, two)
    _, options = parse([], {f"PEER_{name.upper()}": f"{one}  {two}"})
    assert getattr(options, f"{name}s") == (one, two)


@pytest.mark.parametrize(("value", "expected"), [("yes", True), ("TRUE", True), ("0", False), ("no", False)])
def test_switches_in_the_environment(value: str, expected: bool) -> None:
    _, options = parse([], {"PEER_ONCE": value})
    assert options.once is expected


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (["--rol", "offerer"], {}, "unrecognized arguments: --rol"),
        (["--role"], {}, "expected one argument"),
        (["room"], {}, "room"),
        (["--fps", "many"], {}, "--fps"),
        (["--duration="], {}, "--duration"),
        ([], {"PEER_ONCE": "perhaps"}, "PEER_ONCE='perhaps': must be 1 or 0"),
        ([], {"PEER_FPS": "many"}, "--fps"),
        ([], {"PEER_ROLE": "caller"}, "--role caller"),
        ([], {"PEER_ICE_SERVER": "stun:a http://b"}, "http://b"),
    ],
)
def test_what_can_not_be_parsed(arguments: list[str], environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse(arguments, environment)


def test_the_program_that_runs_a_peer_may_have_variables_that_are_none_of_ours() -> None:
    _, options = parse([], {"PEER_HELP": "1", "PEER_VERSION": "1", "PEER_VERBOSE": "1", "PEER_": "1", "PEER_X": "1"})
    assert options == PeerOptions()


@pytest.mark.parametrize(
    ("text", "bitrate"), [("2.5M", 2_500_000), ("800k", 800_000), ("800K", 800_000), (" 1000000 ", 1_000_000)]
)
def test_a_bitrate_is_plain_or_in_thousands_or_millions(text: str, bitrate: int) -> None:
    assert PeerOptions(max_bitrate=text).max_bitrate == bitrate
