"""The options of a peer: one home of their defaults and checks, for the command line, the environment and Python."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from peer.candidate_policy import CandidatePolicy
from peer.errors import UsageError
from peer.ice_servers import MAX_ICE_SERVERS, IceServer, parse_ice_server
from peer.rtp.congestion import MAX_BITRATE, MIN_BITRATE
from signaling.admission import parse_origin, parse_token
from signaling.messages import Role, printable

DEFAULT_PORT = 8080
DEFAULT_SIGNALING = f"ws://localhost:{DEFAULT_PORT}"
DEFAULT_CONNECT_TIMEOUT = 20.0
VIDEO_CODECS = ("vp8", "h264")
ENCODERS = (
    "software",
    "auto",
    *("h264_nvenc", "h264_qsv", "h264_amf", "h264_videotoolbox", "h264_v4l2m2m"),
)
LATENCIES = ("low", "balanced", "smooth")
"""The values of `peer.rtp.latency.Latency`, which is not loaded for `peer --help`."""

_BITRATE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([kKM]?)")
_SIZE = re.compile(r"(\d{1,5})[xX](\d{1,5})")


@dataclass(frozen=True, kw_only=True)
class PeerOptions:
    """What a peer is asked to do. Checked when made: raises `UsageError`, one line, naming the option."""

    role: str = "offerer"
    signaling: str | None = None
    """The relay's address. None uses the relay of this machine, and starts one if there is none."""
    port: int | None = None
    """The port of that relay; None is `DEFAULT_PORT`, or the next one that no other program has."""
    room: str | None = None
    token: str | None = field(default=None, repr=False)
    """What the relay asks for to let a peer in; the relay that this process starts asks for it, too."""
    allow_origins: tuple[str, ...] = ()
    """Web origins whose pages may use the relay that this process starts, beside those of this machine."""

    video: str = "auto"
    audio: str = "auto"
    size: tuple[int, int] | str | None = None
    fps: float | None = None
    loop: bool = False
    start: float = 0.0
    """Seconds from its beginning where a file begins to play."""
    reencode: bool = False
    """Code the pictures of a file or stream anew, even where they could be sent as they are."""
    video_codec: Literal["vp8", "h264"] | str | None = None
    encoder: str = "software"
    """Whose H264 to use: "software", "auto" for hardware where it works, or the name of one of `ENCODERS`."""
    max_bitrate: int | str | None = None
    """The most that pictures may take, in bit/s, or as "2.5M"; None for what suits their size."""
    latency: str = "balanced"
    """What to trade for a low delay: "low", "balanced" or "smooth"."""

    transform: str | Callable[[Any], Any] | None = None
    """A function on every picture that is sent, or its MODULE:FUNCTION. It takes and returns an array in BGR."""
    transform_received: str | Callable[[Any], Any] | None = None
    """The same on every picture that comes."""

    record: Path | str | None = None
    overwrite: bool = False
    transcode: bool = False
    snapshot: Path | str = "snapshot.jpg"
    snapshot_every: float | None = None
    """Seconds between two pictures that are saved; None saves none."""
    snapshot_keep: int = 1000
    display: bool = False
    play: str | None = None
    """A speaker as `peer devices` prints it, "default" for the system's choice; None (or "none") plays nothing."""

    ice_servers: tuple[str, ...] = ()
    ice_username: str | None = None
    ice_credential: str | None = None
    relay_only: bool = False
    candidates: str = "all"

    once: bool = False
    duration: float | None = None
    """Seconds after the first connection when the peer ends."""
    stats: float | None = None
    """Seconds between two `Statistics` of a running call; None for none."""
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    """Seconds that a connection may take to come up once both descriptions are exchanged."""

    def __post_init__(self) -> None:
        _one_of("--role", self.role, [role.value for role in Role])
        _one_of("--candidates", self.candidates, [policy.value for policy in CandidatePolicy])
        if self.video_codec is not None:
            _one_of("--video-codec", self.video_codec, VIDEO_CODECS)
        _check_function("--transform", self.transform)
        _check_function("--transform-received", self.transform_received)
        if self.signaling is not None:
            _check_url(self.signaling)
        if self.token is not None:
            _checked("--token", parse_token, self.token)
        _check_relay_of_this_machine(self.port, self.allow_origins, self.signaling)
        _one_of("--latency", self.latency, LATENCIES)
        _one_of("--encoder", self.encoder, ENCODERS)
        if self.max_bitrate is not None:
            object.__setattr__(self, "max_bitrate", parse_bitrate(self.max_bitrate))
        if self.play == "none":
            object.__setattr__(self, "play", None)
        if self.size is not None:
            object.__setattr__(self, "size", parse_size(self.size))
        for option, value, least in (
            ("--fps", self.fps, 1.0),
            ("--start", self.start, 0.0),
            ("--duration", self.duration, 0.1),
            ("--stats", self.stats, 0.1),
            ("--snapshot-every", self.snapshot_every, 0.1),
            ("--snapshot-keep", self.snapshot_keep, 1.0),
            ("--connect-timeout", self.connect_timeout, 1.0),
        ):
            if value is not None and not least <= value <= 1e6:
                raise UsageError(f"{option} {value:g}: must be from {least:g} to 1000000")
        if self.fps is not None and self.fps > 240:
            raise UsageError(f"--fps {self.fps:g}: more than 240 frames a second can't be sent")
        if len(self.ice_servers) > MAX_ICE_SERVERS:
            raise UsageError(f"--ice-server: at most {MAX_ICE_SERVERS} servers")
        servers = self.parsed_ice_servers()
        if self.relay_only and servers and not any(server.is_turn for server in servers):
            raise UsageError("--relay-only needs a TURN server: name one with --ice-server turn:HOST:PORT")

    @property
    def asked_role(self) -> Role:
        """The role to ask the relay for; the one it gives may be the other."""
        return Role(self.role)

    def parsed_ice_servers(self) -> tuple[IceServer, ...]:
        """The servers named by option."""
        return tuple(parse_ice_server(url, self.ice_username, self.ice_credential) for url in self.ice_servers)


def parse_size(size: str | tuple[int, int]) -> tuple[int, int]:
    """`WIDTHxHEIGHT` in pixels, both even (4:2:0 chroma) and from 16 to 7680. Raises `UsageError`."""
    text = size if isinstance(size, str) else "x".join(map(str, size))
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--size {printable(text, 40)}: write WIDTHxHEIGHT, such as 1280x720")
    width, height = int(match[1]), int(match[2])
    if not all(16 <= side <= 7680 and side % 2 == 0 for side in (width, height)):
        raise UsageError(f"--size {width}x{height}: both sides must be even and from 16 to 7680")
    return width, height


def parse_bitrate(text: str | float) -> int:
    """Bits a second: `2500000`, `2500k` or `2.5M`. Raises `UsageError`."""
    match = _BITRATE.fullmatch(str(text).strip())
    if match is None:
        raise UsageError(f"--max-bitrate {printable(str(text), 40)}: write bits a second, such as 2.5M or 800k")
    bitrate = round(float(match[1]) * {"": 1, "k": 1e3, "K": 1e3, "M": 1e6}[match[2]])
    if not MIN_BITRATE <= bitrate <= MAX_BITRATE:
        raise UsageError(f"--max-bitrate {printable(str(text), 40)}: must be from 100k to 50M")
    return bitrate


def _one_of(option: str, value: str, values: list[str] | tuple[str, ...]) -> None:
    if value not in values:
        raise UsageError(f"{option} {printable(str(value), 40)}: must be one of {', '.join(values)}")


def _check_function(option: str, value: object) -> None:
    if isinstance(value, str):
        module, _, function = value.rpartition(":")
        if not module or not function:
            raise UsageError(f"{option} {printable(value, 80)}: write MODULE:FUNCTION or FILE.py:FUNCTION")
    elif value is not None and not callable(value):
        raise UsageError(f"{option} {printable(repr(value), 80)}: must be a function")


def _check_relay_of_this_machine(port: int | None, origins: tuple[str, ...], signaling: str | None) -> None:
    for option, given in (("--port", port is not None), ("--allow-origin", origins)):
        if given and signaling is not None:
            raise UsageError(f"{option} is for a relay of this machine: leave out either it or --signaling")
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(f"--port {printable(str(port), 20)}: must be from 1 to 65535")
    for origin in origins:
        _checked("--allow-origin", parse_origin, origin)


def _checked(option: str, parse: Callable[[str], str], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _check_url(url: str) -> None:
    shown = printable(url, 80)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--signaling {shown}: {error}; write ws://HOST:PORT") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise UsageError(f"--signaling {shown}: not a WebSocket address; write ws://HOST:PORT or wss://HOST")
