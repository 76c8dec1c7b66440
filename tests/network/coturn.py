"""Debian's TURN server, run by a test with a configuration of its own.

with Coturn(tmp_path, "10.1.0.254", namespace=middle) as turn:
    servers = [turn.ice_server("tls")]           # as a browser or the relay's `joined` would have it
    environment = turn.environment               # what lets a Python client trust its certificate
"""

import contextlib
import os
import re
import shutil
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from tests.network.certificates import make_certificate
from tests.network.errors import HarnessError
from tests.network.namespaces import Namespace
from tests.network.processes import Process

Transport = Literal["udp", "tcp", "tls"]

_MAGIC_COOKIE = 0x2112A442  # RFC 8489 section 5
_BINDING_REQUEST, _BINDING_SUCCESS = 0x0001, 0x0101


class Coturn:
    """A STUN and TURN server over UDP, TCP and TLS, with one user, for as long as the `with` block runs."""

    username = "alice"
    password = "p4ss-of-the-test"
    realm = "turn.test"
    patience = 10.0  # seconds for it to come up

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        *,
        namespace: Namespace | None = None,
        more_addresses: Sequence[str] = (),
        relay_address: str | None = None,
        name: str | None = None,
        secret: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`folder` takes the configuration, the certificate and the log.

        It listens on `address` and `more_addresses`, and relays from `relay_address` (default: `address`). `name`
        is a host name that its certificate is for as well. With `secret`, it takes time-limited credentials (TURN
        REST) in place of the user's password. `options` are more lines for turnserver.conf.
        """
        self.folder, self.address, self.namespace = folder, address, namespace
        self.log = folder / "turnserver.log"
        self.certificate = make_certificate(folder, [address, *more_addresses, *([name] if name else [])])
        with self._inside():
            # In a namespace nothing else listens; on the machine's loopback others do.
            self.port, self.tls_port = (3478, 5349) if namespace else (_free_port(address), _free_port(address))
        relay = relay_address or address
        self._configuration = [
            *(f"listening-ip={listening}" for listening in (address, *more_addresses)),
            f"listening-port={self.port}",
            f"tls-listening-port={self.tls_port}",
            f"relay-ip={relay}",
            *(["allow-loopback-peers"] if relay in ("127.0.0.1", "::1") else []),
            *(["use-auth-secret", f"static-auth-secret={secret}"] if secret else ["lt-cred-mech"]),
            *([] if secret else [f"user={self.username}:{self.password}"]),
            f"realm={self.realm}",
            f"cert={self.certificate.chain}",
            f"pkey={self.certificate.key}",
            f"userdb={folder / 'turndb'}",
            f"pidfile={folder / 'turnserver.pid'}",
            f"log-file={self.log}",
            *("simple-log", "no-stdout-log", "verbose", "fingerprint", "no-cli", "no-rfc5780", "no-dtls"),
            *options,
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What makes a Python (OpenSSL) client trust this server's certificate, and no other."""
        return {"SSL_CERT_FILE": str(self.certificate.authority)}

    @property
    def stun_url(self) -> str:
        return f"stun:{_bracketed(self.address)}:{self.port}"

    def turn_url(self, transport: Transport = "udp", host: str | None = None) -> str:
        """The server's URL (RFC 7065), by its address or by another `host` that names it."""
        where = _bracketed(host or self.address)
        if transport == "tls":
            return f"turns:{where}:{self.tls_port}?transport=tcp"
        return f"turn:{where}:{self.port}?transport={transport}"

    def ice_server(self, transport: Transport = "udp") -> dict[str, Any]:
        """The server and its user as a W3C RTCIceServer."""
        return {"urls": self.turn_url(transport), "username": self.username, "credential": self.password}

    def allocations(self) -> int:
        """How many relayed addresses it has given out since the start."""
        return len(re.findall(r"ALLOCATE processed, success", self.log.read_text()))

    def __enter__(self) -> Self:
        program = shutil.which("turnserver")
        if program is None:
            raise HarnessError("The program turnserver is missing: run `sh tests/install-programs.sh` (coturn).")
        configuration = self.folder / "turnserver.conf"
        configuration.touch(0o600)
        configuration.write_text("".join(f"{line}\n" for line in self._configuration))
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()

    def start(self) -> None:
        """Start, or start again after `kill`: back when it has answered over UDP, TCP and TLS."""
        command = ["turnserver", "-c", str(self.folder / "turnserver.conf")]
        self._process = Process(self.namespace.command(*command) if self.namespace else command, cwd=self.folder)
        try:
            for ask in (self._ask_udp, self._ask_tcp, self._ask_tls):
                self._until_answered(ask)
        except BaseException:
            self._process.kill()
            raise

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()

    def _inside(self) -> contextlib.AbstractContextManager[None]:
        return self.namespace.entered() if self.namespace else contextlib.nullcontext()

    def _until_answered(self, ask: Callable[[], bytes]) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                if struct.unpack_from("!H", ask())[0] == _BINDING_SUCCESS:
                    return
                trouble = "an answer that is not one to a STUN binding request"
            except (OSError, struct.error) as error:
                trouble = str(error)
            if self._process.returncode is not None or time.monotonic() > deadline:
                log = self.log.read_text() if self.log.exists() else ""
                raise HarnessError(
                    f"turnserver did not come up ({ask.__name__}: {trouble}; exit code {self._process.returncode}): "
                    f"{' '.join(self._process.stdout + self._process.stderr)}\n{log[-3000:]}"
                )
            time.sleep(0.02)

    def _ask_udp(self) -> bytes:
        with self._inside():
            sock = socket.socket(_family(self.address), socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(0.2)
            sock.connect((self.address, self.port))
            sock.send(_binding_request())
            return sock.recv(2048)

    def _ask_tcp(self) -> bytes:
        with self._connected(self.port) as sock:
            sock.sendall(_binding_request())
            return sock.recv(2048)

    def _ask_tls(self) -> bytes:
        context = ssl.create_default_context(cafile=str(self.certificate.authority))
        with self._connected(self.tls_port) as sock, context.wrap_socket(sock, server_hostname=self.address) as tls:
            tls.sendall(_binding_request())
            return tls.recv(2048)

    def _connected(self, port: int) -> socket.socket:
        with self._inside():
            return socket.create_connection((self.address, port), timeout=2)


def _binding_request() -> bytes:
    return struct.pack("!HHI", _BINDING_REQUEST, 0, _MAGIC_COOKIE) + os.urandom(12)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free_port(address: str) -> int:
    """A port free for both UDP and TCP at this moment: coturn can't be told to let the system choose one."""
    while True:
        with (
            socket.socket(_family(address), socket.SOCK_STREAM) as tcp,
            socket.socket(_family(address), socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, 0))
            with contextlib.suppress(OSError):  # taken for UDP: choose again
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
