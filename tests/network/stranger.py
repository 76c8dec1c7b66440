"""A relay that is its only partner, too, and wants a peer to send packets wherever it says."""

import contextlib
import json
import queue
import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

from aioice import stun
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.network.namespaces import Namespace

TIMEOUT = 30.0
UFRAG, PASSWORD = "evil", "p" * 24

OFFER = "\r\n".join(
    [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE a v"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:a", "a=rtcp-mux", "a=setup:actpass"),
        *("a=sendrecv", "a=rtpmap:111 opus/48000/2", f"a=ice-ufrag:{UFRAG}", f"a=ice-pwd:{PASSWORD}"),
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        *("m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:v", "a=rtcp-mux", "a=setup:actpass"),
        *("a=sendrecv", "a=rtpmap:96 VP8/90000", f"a=ice-ufrag:{UFRAG}", f"a=ice-pwd:{PASSWORD}"),
        *("a=fingerprint:sha-256 " + ":".join(["AB"] * 32), ""),
    ]
)


class Stranger:
    """Listens on a namespace's loopback for as long as the `with` block runs, and says this to the peer that joins."""

    def __init__(
        self, namespace: Namespace, *, candidates: Sequence[str] = (), ice_servers: Sequence[dict[str, Any]] = ()
    ) -> None:
        """`candidates` are addresses or names, the most urgent first."""
        with namespace.entered():
            self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._socket.getsockname()[1]}"
        self._says = [
            {"type": "joined", "roomId": "lab", "role": "answerer", "message": "", "iceServers": list(ice_servers)},
            {"type": "ready"},
            {"type": "offer", "payload": {"type": "offer", "sdp": OFFER}},
            *({"type": "ice-candidate", "payload": _candidate(n, host)} for n, host in enumerate(candidates)),
        ]
        self._heard: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        self._server: Server = serve(self._handle, sock=self._socket)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join(TIMEOUT)
        self._socket.close()

    def _handle(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for text in connection:
                self._heard.put(str(text))
                if json.loads(text)["type"] == "join":
                    for message in self._says:
                        connection.send(json.dumps(message))

    def hear(self, address: str) -> tuple[str, str, int]:
        """The peer's user name fragment and password, and its port at an address of its own."""
        heard, deadline = "", time.monotonic() + TIMEOUT
        while True:
            heard += self._heard.get(timeout=max(0.0, deadline - time.monotonic())).replace("\\r\\n", "\n")
            heard = heard.replace("\\n", "\n")
            ufrag, password = (re.search(rf"a=ice-{name}:(\S+)", heard) for name in ("ufrag", "pwd"))
            port = re.search(rf"candidate:\S+ 1 udp \d+ {re.escape(address)} (\d+) ", heard)
            if ufrag and password and port:
                return ufrag[1], password[1], int(port[1])


def _candidate(number: int, host: str) -> dict[str, Any]:
    line = f"candidate:{number} 1 udp {2130706431 - number * 256} {host} 5000 typ host"
    return {"candidate": line, "sdpMid": "a", "sdpMLineIndex": 0}


def check(ufrag: str, password: str) -> bytes:
    """A connectivity check of the stranger's, for a peer with these (RFC 8445 §7.2.4)."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ufrag}:{UFRAG}"
    request.attributes["PRIORITY"] = 1853824767
    request.attributes["ICE-CONTROLLING"] = 1
    request.add_message_integrity(password.encode())
    return bytes(request)
