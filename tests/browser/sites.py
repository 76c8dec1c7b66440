"""Plain web servers for pages that are not the relay's."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.network.certificates import Certificate


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are no news."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser may hold a connection open that it never uses

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news either."""


@contextmanager
def site(folder: Path, certificate: Certificate | None = None) -> Iterator[int]:
    """Serve a folder on a free port of 127.0.0.1, over HTTPS with a certificate. Gives the port."""
    with _Server(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder))) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            # The handshake is for the thread of the connection: here it would hold up all others.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
