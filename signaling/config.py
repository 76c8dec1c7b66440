"""The relay's configuration: the one home of its defaults and limits."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .admission import parse_host, parse_origin, parse_token
from .messages import MAX_MESSAGE_BYTES, printable


class ConfigError(ValueError):
    """A value that the relay can't be configured with. The text is one line that says which, and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Where a relay listens, whom it lets in, and what a stranger can make it hold. Times in seconds."""

    host: str = "localhost"
    """A name or address of this machine. `localhost` is both 127.0.0.1 and ::1; an empty text is every interface."""
    port: int = 8080
    """A TCP port; 0 lets the system choose one."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may connect, such as `https://example.com`, beside those that `admission` lets in."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that the relay goes by, such as `call.example.com`, beside localhost, `host` and its own addresses."""
    token: str | None = field(default=None, repr=False)
    """What a client has to know to join a room; None lets in whoever can connect."""
    max_wrong_tokens: int = 5
    """Joins without the token before the client is cut off."""

    ping_interval: float = 10.0
    """Time from one WebSocket ping to the next. A dead client is found within `ping_interval + ping_timeout`."""
    ping_timeout: float = 10.0
    """Time that a client has to show, with any whole frame, that it is alive; and to end a message it has begun."""
    http_timeout: float = 20.0
    """Time that a client has to send its HTTP request, and again to take the answer."""
    close_timeout: float = 2.0
    """Time that a client has to answer a close."""

    max_connections: int = 10_000
    """WebSockets. Whoever comes beyond is answered with the HTTP status 503."""
    max_unjoined: int = 2_000
    """Connections that never joined a room. Beyond it the oldest of them makes room for the newest."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_send_buffer: int = 1024 * 1024
    """Bytes that may wait for a slow reader before it is cut off."""
    message_rate: float = 50.0
    """WebSocket frames a second that a client may send for ever..."""
    message_burst: int = 200
    """... and at once. What goes beyond is dropped and answered with the error `rate-limited`."""
    byte_rate: float = 64 * 1024
    """Bytes of these frames a second that a client may send for ever..."""
    byte_burst: int = 8 * MAX_MESSAGE_BYTES
    """... and at once; more than one message. What goes beyond is dropped and answered in the same way."""
    rate_limit_patience: int = 200
    """Frames beyond the limits before the client is cut off. One is forgiven every second."""
    processing_rate: float = 0.05
    """Time a second that the relay gives to a client's messages for ever..."""
    processing_burst: float = 0.25
    """... and at once. What goes beyond is not dropped, but read later."""

    kept_offer_bytes: int = 2 * MAX_MESSAGE_BYTES
    """Size of an offer, with its candidates, that is kept for a partner who comes late."""
    kept_offer_candidates: int = 100
    kept_offer_seconds: float = 600.0
    kept_bytes_in_all: int = 64 * 1024 * 1024
    """Size of all kept offers. Beyond it the oldest is forgotten."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"{self.port} is no port: use a number from 0 (any free port) to 65535")
        for name, parse in (("allowed_origins", parse_origin), ("allowed_hosts", parse_host)):
            try:
                object.__setattr__(self, name, tuple(parse(text) for text in getattr(self, name)))
            except ValueError as error:
                raise ConfigError(str(error)) from None
        if self.token is not None:
            try:
                parse_token(self.token)
            except ValueError as error:
                raise ConfigError(str(error)) from None

    @classmethod
    def from_environment_and_arguments(cls, environment: Mapping[str, str], arguments: argparse.Namespace) -> Self:
        """Take each value from the arguments, else from the environment, else the default.

        The variables are `HOST`, `PORT`, and `SIGNALING_` with an option's name. Raises `ConfigError`.
        """
        given: dict[str, Any] = {
            "allowed_origins": tuple(arguments.allow_origin or environment.get("SIGNALING_ALLOW_ORIGIN", "").split()),
            "allowed_hosts": tuple(arguments.allow_host or environment.get("SIGNALING_ALLOW_HOST", "").split()),
        }
        if arguments.host is not None:
            given["host"] = arguments.host
        elif environment.get("HOST"):
            given["host"] = environment["HOST"]
        given["token"] = environment.get("SIGNALING_TOKEN") or None if arguments.token is None else arguments.token
        if arguments.port is not None:
            given["port"] = _parse_port("--port", arguments.port)
        elif environment.get("PORT"):
            given["port"] = _parse_port("PORT", environment["PORT"])
        return cls(**given)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `from_environment_and_arguments` reads. None of them has a default of its own."""
    parser.add_argument("--host", help="name or address to listen on (HOST; default: localhost)")
    parser.add_argument("--port", help="TCP port to listen on, 0 for any free one (PORT; default: 8080)")
    parser.add_argument(
        "--token",
        help="what a client has to know to join; better in SIGNALING_TOKEN, as others can read a command line",
    )
    parser.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="let pages of this web origin connect, such as https://example.com, beside the relay's own and, while "
        "only this machine reaches it, those of this machine (repeatable; SIGNALING_ALLOW_ORIGIN)",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that the relay goes by, beside localhost and its addresses (repeatable; SIGNALING_ALLOW_HOST)",
    )


def _parse_port(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        shown = printable(text, 20)
        raise ConfigError(f"{name}: '{shown}' is no port: use a number from 0 (any free port) to 65535")
    return int(text)
