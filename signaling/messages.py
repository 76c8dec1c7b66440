"""Every message of the signaling protocol: parse, validate, serialize. No I/O.

A message on the wire is a JSON object `{"type": ..., "payload": ...}` in a WebSocket text frame. Here it is
a small frozen object. What comes from the other side is hostile until it got through one of the two `parse_`
functions, which raise `MessageError` and nothing else.
"""

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .jsontext import is_nested_deeper, parse_object

MAX_MESSAGE_BYTES = 64 * 1024
"""The longest message that a relay takes, in bytes of UTF-8: several times a long session description."""

MAX_NAME_CHARACTERS = 256
"""The longest room name or resume secret, in characters."""

MAX_TOKEN_CHARACTERS = 4096
"""The longest token, in characters: signed ones carry whole claims."""

MAX_NESTING = 64
"""How deep arrays and objects may be nested. Beyond some hundreds, Python's json runs out of stack."""


class MessageError(ValueError):
    """Text that is no message of the protocol.

    `code` is the fixed word for programs that an `error` message carries; `message` is one line for people,
    in which whatever came from the other side is escaped and shortened.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Role(enum.StrEnum):
    """Which end of the call makes the offer (RFC 3264)."""

    OFFERER = "offerer"
    ANSWERER = "answerer"

    @property
    def other(self) -> "Role":
        """The role that the partner has."""
        return Role.ANSWERER if self is Role.OFFERER else Role.OFFERER


ForwardKind: TypeAlias = Literal["offer", "answer", "ice-candidate"]


@dataclass(frozen=True, slots=True)
class Forward:
    """A description or candidate on its way to the partner. Its payload, any JSON value, stays untouched.

    `text` is the payload's JSON as it came, which a relay passes on; None for a message that was made here.
    """

    kind: ForwardKind
    payload: object
    text: str | None = field(default=None, compare=False, repr=False)


# Client to relay


@dataclass(frozen=True, slots=True)
class Join:
    """Enter a room: the one named `room`, else the open one that has waited longest for a second client."""

    role: Role
    room: str | None = None
    token: str | None = None
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for a `Pong`: browsers can't send WebSocket pings."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the room without closing the socket."""


# Relay to client


@dataclass(frozen=True, slots=True)
class Welcome:
    """The relay's first words. `client_id` names the client in the relay's log."""

    client_id: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """The client is in `room`, and has `role`, which may differ from what it asked for.

    `ice_servers` are `RTCIceServer` dictionaries (W3C webrtc-pc, section 4.2.2). `resume` is a secret with
    which a client that lost its socket takes its place again.
    """

    room: str
    role: Role
    message: str = ""
    ice_servers: tuple[dict[str, Any], ...] | None = None
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The room holds two: the offerer may offer."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    """The partner left the room."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `Ping`."""


@dataclass(frozen=True, slots=True)
class Error:
    """What the relay refused, and why: `message` for people, `code` for programs.

    The codes of this project's relay: `bad-message`, `bad-role`, `unknown-type`, `not-in-room`, `room-full`,
    `rate-limited`, `unauthorized` for a `Join` without the relay's token, and `replaced` for a client whose place
    another connection took with its resume secret.
    """

    message: str
    code: str | None = None


ClientMessage: TypeAlias = Join | Forward | Ping | Leave
RelayMessage: TypeAlias = Welcome | Joined | Ready | Forward | PeerDisconnected | Pong | Error


def parse_from_client(text: str) -> ClientMessage:
    """Read what a client sent to the relay.

    Raises `MessageError` with the code `bad-message`, `bad-role` or `unknown-type`.
    """
    fields, payload = _parse_object(text)
    match _type_of(fields):
        case "offer" | "answer" | "ice-candidate" as kind:
            return _parse_forward(kind, fields, payload)
        case "join":
            return _parse_join(fields.get("payload"))
        case "ping":
            return Ping()
        case "leave":
            return Leave()
        case unknown:
            raise _unknown_type(unknown)


def parse_from_relay(text: str) -> RelayMessage:
    """Read what a relay sent to a client, with its data at the top level or in `payload`.

    Fields that this client doesn't know are ignored. A type that it doesn't know raises `MessageError` with
    the code `unknown-type`; anything else that is wrong, with `bad-message` or `bad-role`.
    """
    fields, payload = _parse_object(text)
    match _type_of(fields):
        case "offer" | "answer" | "ice-candidate" as kind:
            return _parse_forward(kind, fields, payload)
        case kind:
            payload = fields.get("payload")
            return _parse_reply(kind, payload | fields if isinstance(payload, dict) else fields)


def serialize_to_relay(message: ClientMessage) -> str:
    """Write a client's message as JSON, all in ASCII, so that nothing on the way can mistake it."""
    match message:
        case Forward(kind, payload):
            return _to_json({"type": kind, "payload": payload})
        case Join():
            optional = {"roomId": message.room, "token": message.token, "resume": message.resume}
            return _to_json({"type": "join", "payload": {"role": message.role, **_without_none(optional)}})
        case Ping():
            return _to_json({"type": "ping"})
        case Leave():
            return _to_json({"type": "leave"})


def serialize_to_client(message: RelayMessage) -> str:
    """Write a relay's message as JSON. A reply's data stands both at the top level and in `payload`.

    The published format has it in `payload`; the pages that exist read the top level. All is in ASCII but for a
    payload on its way, which passes as it came: to encode 64 KiB of it anew takes milliseconds.
    """
    kind: str
    data: dict[str, object]
    match message:
        case Forward(kind, payload, text):
            return f'{{"type":"{kind}","payload":{_to_json(payload) if text is None else text}}}'
        case Pong():
            return _to_json({"type": "pong"})
        case Welcome(client_id, text):
            kind, data = "welcome", {"clientId": client_id, "message": text}
        case Joined(room, role, text, ice_servers, resume):
            extensions = _without_none({"iceServers": ice_servers, "resume": resume})
            kind, data = "joined", {"roomId": room, "role": role, "message": text, **extensions}
        case Ready(text):
            kind, data = "ready", {"message": text}
        case PeerDisconnected(text):
            kind, data = "peer-disconnected", {"message": text}
        case Error(text, code):
            kind, data = "error", {"message": text, **_without_none({"code": code})}
    return _to_json({"type": kind, **data, "payload": data})


def printable(text: str, limit: int = 200) -> str:
    """Make text from the other side safe for a terminal or a log: one line, at most `limit` characters.

    Control characters, line ends, and the invisible characters that turn the direction of writing are shown
    as escapes, such as `\\x1b`.
    """
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _parse_object(text: str) -> tuple[dict[str, Any], str | None]:
    """Read the fields of a message, and the text of its payload, if it has one."""
    try:
        parsed = parse_object(text)
    except (ValueError, RecursionError):
        raise MessageError("bad-message", f"not valid JSON: {printable(text, 60)}") from None
    if parsed is None:
        raise MessageError("bad-message", f"a message is a JSON object, not {printable(text, 60)}")
    if is_nested_deeper(text, MAX_NESTING):
        raise MessageError("bad-message", f"arrays and objects are nested deeper than {MAX_NESTING}")
    fields, spans = parsed
    return fields, text[slice(*spans["payload"])] if "payload" in spans else None


def _type_of(fields: Mapping[str, Any]) -> str:
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise MessageError("bad-message", 'a message needs a "type", a string')
    return kind


def _unknown_type(kind: str) -> MessageError:
    return MessageError("unknown-type", f"unknown message type {_shown(kind)}")


def _parse_forward(kind: ForwardKind, fields: Mapping[str, Any], text: str | None) -> Forward:
    if text is None:
        raise MessageError("bad-message", f'a message of type "{kind}" needs a "payload"')
    return Forward(kind, fields["payload"], text)


def _parse_join(payload: object) -> Join:
    if not isinstance(payload, dict):
        raise MessageError("bad-message", 'a "join" needs a "payload", an object with a "role"')
    return Join(
        role=_parse_role(payload.get("role")),
        room=_parse_name(payload, "roomId"),
        token=_parse_name(payload, "token", MAX_TOKEN_CHARACTERS),
        resume=_parse_name(payload, "resume"),
    )


def _parse_role(value: object) -> Role:
    if value == Role.OFFERER:
        return Role.OFFERER
    if value == Role.ANSWERER:
        return Role.ANSWERER
    raise MessageError("bad-role", f'the role is "offerer" or "answerer", not {_shown(value)}')


def _parse_name(fields: Mapping[str, Any], name: str, limit: int = MAX_NAME_CHARACTERS) -> str | None:
    """Read an optional short text. Absent, null and empty are one: pages send what an empty box holds."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise MessageError("bad-message", f'"{name}" is a string, not {_shown(value)}')
    if len(value) > limit:
        raise MessageError("bad-message", f'"{name}" is longer than {limit} characters')
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise MessageError("bad-message", f'"{name}" is not valid Unicode: {_shown(value)}')
    return value


def _lenient_text(fields: Mapping[str, Any], name: str) -> str:
    """Read a text that a foreign relay may leave out, or send as a number."""
    value = fields.get(name)
    return value if isinstance(value, str) else "" if value is None else _shown(value)


def _parse_reply(kind: str, fields: Mapping[str, Any]) -> RelayMessage:
    message = _lenient_text(fields, "message")
    match kind:
        case "welcome":
            return Welcome(_lenient_text(fields, "clientId"), message)
        case "joined":
            return Joined(
                room=_lenient_text(fields, "roomId"),
                role=_parse_role(fields.get("role")),
                message=message,
                ice_servers=_parse_ice_servers(fields.get("iceServers")),
                resume=_lenient_text(fields, "resume") or None,
            )
        case "ready":
            return Ready(message)
        case "peer-disconnected":
            return PeerDisconnected(message)
        case "pong":
            return Pong()
        case "error":
            return Error(message, _lenient_text(fields, "code") or None)
        case unknown:
            raise _unknown_type(unknown)


def _parse_ice_servers(value: object) -> tuple[dict[str, Any], ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(server for server in value if isinstance(server, dict))


def _shown(value: object) -> str:
    """A JSON value from the other side, as a message for people may show it."""
    return printable(_to_json(value), limit=60)


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


_to_json: Callable[[object], str] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
