"""STUN and TURN servers as people and relays name them (RFC 7064, RFC 7065, W3C webrtc-pc §4.2.4), checked."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from peer.errors import UsageError

MAX_ICE_SERVERS = 16

_URL = re.compile(
    r"(?P<scheme>stun|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:(?P<port>\d{1,5}))?"
    r"(\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """One URL of a STUN or TURN server, with what it takes to use it."""

    url: str
    scheme: Literal["stun", "turn", "turns"]
    host: str
    port: int
    transport: Literal["udp", "tcp"]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)
    from_relay: bool = False
    """Whether a relay named it, and not the user: then `--candidates` rules where it may be."""

    @property
    def is_turn(self) -> bool:
        """Whether it relays media, rather than only telling our public address."""
        return self.scheme != "stun"


def parse_ice_server(url: str, username: str | None = None, credential: str | None = None) -> IceServer:
    """Check one URL. Raises `UsageError` that says what is wrong with it."""
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError(
            f"{url[:80]!r} is not the address of an ICE server: write stun:HOST:PORT, turn:HOST:PORT?transport=udp, "
            "turn:HOST:PORT?transport=tcp or turns:HOST:PORT"
        )
    scheme, transport = match["scheme"], match["transport"]
    port = int(match["port"] or (5349 if scheme == "turns" else 3478))
    if not 0 < port < 65536:
        raise UsageError(f"ICE server {url}: the port must be from 1 to 65535")
    if scheme == "stun" and transport:
        raise UsageError(f"ICE server {url}: a stun: address has no transport (RFC 7064 §3.1); leave it out")
    if scheme == "turns" and transport == "udp":
        raise UsageError(
            f"ICE server {url}: turns: over UDP is not supported; leave the transport out for TLS over TCP"
        )
    if scheme != "stun" and not (username and credential):
        raise UsageError(f"ICE server {url}: a TURN server needs --ice-username and --ice-credential")
    return IceServer(
        url=url,
        scheme=scheme,  # type: ignore[arg-type] # the pattern admits only these
        host=match["host"].strip("[]"),
        port=port,
        transport=transport or ("tcp" if scheme == "turns" else "udp"),  # type: ignore[arg-type]
        username=username if scheme != "stun" else None,
        credential=credential if scheme != "stun" else None,
    )


def parse_relay_servers(servers: object) -> tuple[list[IceServer], list[str]]:
    """The `iceServers` of a relay's `joined`: those that can be used, and a line for each that can't."""
    good: list[IceServer] = []
    bad: list[str] = []
    for entry in servers if isinstance(servers, list | tuple) else []:
        urls = entry.get("urls", entry.get("url")) if isinstance(entry, dict) else None
        for url in urls if isinstance(urls, list) else [urls]:
            if len(good) + len(bad) == MAX_ICE_SERVERS:
                return good, [*bad, f"the relay names more than {MAX_ICE_SERVERS} ICE servers; the rest are left out"]
            try:
                good.append(replace(parse_ice_server(*_strings(url, entry)), from_relay=True))
            except UsageError as error:
                bad.append(str(error))
    return good, bad


def _strings(url: object, entry: object) -> tuple[str, str | None, str | None]:
    if not isinstance(url, str) or not isinstance(entry, dict):
        raise UsageError("the relay names an ICE server without an address")
    username, credential = entry.get("username"), entry.get("credential")
    return url, username if isinstance(username, str) else None, credential if isinstance(credential, str) else None
