"""Where STUN and TURN servers are: a name is looked up once, and what was decided about is what is then contacted.

A second look-up, as asyncio makes when it is given a name, may have another answer (DNS rebinding).
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Any

import aioice.stun

from peer.background import start_thread
from peer.candidate_policy import CandidatePolicy, admitted
from peer.ice_servers import IceServer


class NotAdmittedError(OSError):
    """A server is where nothing of ours goes."""


async def look_up(server: IceServer, policy: CandidatePolicy, family: int = socket.AF_UNSPEC) -> list[str]:
    """The addresses of a server that may be contacted, at least one. Raises `OSError`.

    A server that the user named is the user's will, wherever it is; only addresses that nobody can have are left out.
    """
    found = await _resolve(server.host, server.port, family)
    rule = policy if server.from_relay else CandidatePolicy.ALL
    addresses = [address for entry in found if (address := admitted(entry, server.port, rule)) is not None]
    if not addresses:
        why = "is not among --candidates" if admitted(found[0], server.port) else "can be no server's"
        raise NotAdmittedError(f"not contacted: its address {why}")
    return addresses


def tls_context(server: IceServer) -> ssl.SSLContext:
    """For a connection to the address of a server whose certificate is for its name (RFC 8656 §20.1)."""
    context = ssl.create_default_context()
    wrap = context.wrap_bio

    def wrap_with_name(
        incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False, **others: Any
    ) -> ssl.SSLObject:
        return wrap(incoming, outgoing, server_side, **{**others, "server_hostname": server.host})

    # asyncio names the host that it connects to, and aioice has no way to tell it another.
    context.wrap_bio = wrap_with_name  # type: ignore[method-assign, assignment]
    return context


def server_problem(error: BaseException) -> str:
    """What went wrong with a server, in words."""
    if isinstance(error, aioice.stun.TransactionFailed):
        code = error.response.error_code
        return f"refused ({code})" + (": wrong user name or credential" if code == 401 else "")
    if isinstance(error, aioice.stun.TransactionTimeout | TimeoutError):
        return "no answer"
    if isinstance(error, socket.gaierror):
        return "its name can't be resolved"
    if isinstance(error, NotAdmittedError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def _resolve(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[str]:
    """The addresses of a name, looked up in a thread of its own: it must hold up neither encoders nor the exit."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)

    def ask() -> None:
        addresses: list[str] = []
        problem = None
        try:
            found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
            addresses = [str(entry[4][0]) for entry in found]
        except OSError as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, addresses, problem)

    start_thread(ask, "looking up a server")
    return await answer
