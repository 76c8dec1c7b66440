"""Whom the relay lets in: by the name it is called by, by the page that calls, and by a token. No I/O.

A browser says in each request which host it is meant for (`Host`), and for a WebSocket which page asks (`Origin`); the
page can change neither. So a page of a stranger that a user merely visits is told from the user's own. A program may
say what it likes, and is admitted: whoever runs programs on this machine needs no relay to get at its camera.
"""

import contextlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .loopback import is_loopback
from .messages import MAX_TOKEN_CHARACTERS, printable

_AUTHORITY = re.compile(r"(\[[0-9a-f.]*:[0-9a-f:.]*\]|[a-z0-9._-]{1,253})(?::([0-9]{0,5}))?")
"""A host and a port (RFC 3986, section 3.2), as browsers write them: small letters, international names as xn--..."""

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]{0,30})://([a-z0-9._:\[\]-]{0,260})")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: `answer` for whoever asked, `line` for whoever runs the relay."""

    kind: Literal["host", "origin"]
    status: int
    answer: str
    line: str


class Admission:
    """Decides on each request by its headers.

    `listening_on` are the addresses that the relay listens on, `hosts` the names it goes by beside them and localhost,
    `origins` the web origins whose pages its user trusts; these are as `parse_host` and `parse_origin` give them.
    """

    def __init__(self, listening_on: Sequence[str], *, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._addresses = {_address(address) for address in listening_on}
        self._on_loopback_only = all(is_loopback(address) for address in listening_on)
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    def refuse_host(self, hosts: Sequence[str], reached_at: str | None) -> Refusal | None:
        """Refuse a request for a host that is not this relay; `hosts` are its headers `Host`.

        A stranger's name can be made to lead to this machine (DNS rebinding); the page is then of the relay's own
        origin, as far as its browser can tell. `reached_at` is the address that the client connected to.
        """
        host = _authority(hosts[0])[0] if len(hosts) == 1 else ""
        if not host:  # RFC 9112, section 3.2: none, several, or no such thing
            shown = " and ".join(printable(text, 60) for text in hosts[:2]) or "no host"
            return Refusal("host", 400, "A request names one host.", f"refused a request for {shown}")
        if self._goes_by(host, reached_at):
            return None
        return Refusal(
            "host",
            403,
            "This relay does not go by the name in your request. Who runs it can add the name with --allow-host.",
            f"refused a request for the host {host}: if this relay goes by it, start signaling --allow-host {host}",
        )

    def refuse_page(self, hosts: Sequence[str], origins: Sequence[str]) -> Refusal | None:
        """Refuse a WebSocket of a foreign page (RFC 6455, section 10.2); `hosts` were found to be the relay's.

        `origins` are the headers `Origin`. A program sends none. Pages of loopback origins are the user's own, so a
        relay that only this machine reaches admits them on any port.
        """
        if not origins:
            return None
        origin = origins[0].lower()
        if len(origins) == 1 and (origin in self._origins or self._is_at_home(hosts[0], origin)):
            return None
        return Refusal(
            "origin",
            403,
            "This relay does not serve pages of your origin. Who runs it can add the origin with --allow-origin.",
            f"refused a page of {_advice(origin if len(origins) == 1 else ' and '.join(origins[:2]))}",
        )

    def _goes_by(self, host: str, reached_at: str | None) -> bool:
        if is_loopback(host) or host in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        own = self._addresses | ({_address(reached_at)} if reached_at else set())
        return address in own and not address.is_unspecified

    def _is_at_home(self, host_header: str, origin: str) -> bool:
        """Whether an origin is the relay's own, or one of this machine while only this machine reaches the relay."""
        scheme, _, authority = origin.partition("://")
        host, port = _authority(authority)
        if scheme not in _DEFAULT_PORTS or not host:
            return False
        asked, asked_port = _authority(host_header)
        default = _DEFAULT_PORTS[scheme]
        if (host, port or default) == (asked, asked_port or default):
            return True
        return self._on_loopback_only and is_loopback(asked) and is_loopback(host)


def is_token(given: str | None, wanted: str) -> bool:
    """Whether a client has the relay's token. How long it takes does not tell how much of it is right."""
    return hmac.compare_digest((given or "").encode(), wanted.encode())


def parse_token(text: str) -> str:
    """A token that a relay can demand. Raises `ValueError`: one line, without the token."""
    if not text:
        raise ValueError("an empty token keeps nobody out: leave it out, or give one that nobody guesses")
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise ValueError(f"the token is longer than {MAX_TOKEN_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the token is not valid Unicode") from None
    return text


def parse_host(text: str) -> str:
    """A name or address that the relay goes by, as browsers send it. Raises `ValueError`: one line."""
    host, port = _authority(f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text)
    if not host or port is not None:
        raise ValueError(f"'{printable(text, 80)}' is no host: write a name or address alone, such as call.example.com")
    return host


def parse_origin(text: str) -> str:
    """A web origin as browsers send it (RFC 6454, section 6.2). Raises `ValueError`: one line."""
    origin = text.lower().removesuffix("/") if text.count("/") == 3 else text.lower()
    if not _is_origin(origin):
        shown = printable(text, 80)
        raise ValueError(f"'{shown}' is no web origin: write one such as https://example.com, without a path, or null")
    scheme, _, authority = origin.partition("://")
    _, port = _authority(authority)
    return origin.removesuffix(f":{port}") if port and port == _DEFAULT_PORTS.get(scheme) else origin


def _advice(origin: str) -> str:
    """The origin of a page that was refused, and what its user can do."""
    if origin == "null":
        return "null, an origin that its browser hides: --allow-origin null lets in all such pages, a stranger's too"
    if _is_origin(origin):
        return f"{origin}: if you trust it, start with --allow-origin {origin}"
    # Not as a command: whoever copies the line into a shell would run what the stranger wrote.
    return f"{printable(origin, 100)}: that is no origin for --allow-origin"


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return text == "null"
    return match[1] not in _DEFAULT_PORTS or bool(_authority(match[2])[0])


def _authority(text: str) -> tuple[str, int | None]:
    """The host, without brackets and without the dot of an absolute name, and the port; "" for what is none."""
    match = _AUTHORITY.fullmatch(text.lower())
    if match is None or (match[2] and int(match[2]) > 65535):
        return "", None
    host = match[1].strip("[]").removesuffix(".")
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))  # an address has many spellings
    return host, int(match[2]) if match[2] else None


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])  # without the interface of a link-local address
