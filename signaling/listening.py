"""Sockets to listen on: every address that a host name stands for, all on one port."""

import asyncio
import errno
import os
import socket

LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # only when the user asks for every interface

BACKLOG = 1024
"""Connections that may wait to be accepted: many clients come back at once after a restart."""

ACCEPTED_A_TURN = 16
"""Connections that are accepted in one turn of the event loop."""

ATTEMPTS_AT_A_FREE_PORT = 20
"""A port that is free for the first address may be taken for the second."""


class RelayStartError(Exception):
    """The relay can't listen where it should. The text is one line: what is wrong, and what to do.

    `taken` is true when another program has the port.
    """

    def __init__(self, message: str, *, taken: bool = False) -> None:
        super().__init__(message)
        self.taken = taken


async def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on a TCP port of every address of a host; port 0 lets the system choose one, the same for all.

    Addresses of a kind that this machine lacks, such as IPv6, are left out. Raises `RelayStartError`.
    """
    addresses = await _addresses(host)
    for _ in range(ATTEMPTS_AT_A_FREE_PORT):
        try:
            return _listen_on_all(addresses, port)
        except OSError as error:
            if port == 0 and error.errno == errno.EADDRINUSE:
                continue
            taken = error.errno == errno.EADDRINUSE
            raise RelayStartError(_what_to_do(error, host, port), taken=taken) from error
    raise RelayStartError(f"no port is free on all of {', '.join(addresses)}: name one with --port")


async def _addresses(host: str) -> tuple[str, ...]:
    if host == "localhost":  # whatever /etc/hosts says: browsers use both
        return LOOPBACK
    if host == "":
        return EVERYWHERE
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RelayStartError(
            f"there is no host {host!r}: use a name or address of this machine, such as localhost or 0.0.0.0"
        ) from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _listen_on_all(addresses: tuple[str, ...], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in addresses:
            try:
                sockets.append(_listen_on_one(address, port))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error
            else:
                port = sockets[0].getsockname()[1]
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _listen_on_one(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY on sockets that say they are TCP, and on no others. Without it, two small messages in a
    # row wait some 40 ms for an acknowledgement of the first (RFC 1122, section 4.2.3.2).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)  # noqa: FBT003  # the standard library's signature
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _what_to_do(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host or 'this machine'} is taken: stop what uses it, or choose another with --port"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"{host} is no address of this machine: use one that is, such as localhost or 0.0.0.0"
        case errno.EACCES | errno.EPERM:
            return f"port {port} needs more rights than this user has: choose one above 1023 with --port"
        case _:
            return f"can't listen on port {port} of {host or 'this machine'}: {error.strerror or error}"
