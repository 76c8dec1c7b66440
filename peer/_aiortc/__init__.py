"""The seam: the only package that touches what aiortc and aioice keep private.

One module for each thing that it changes; each names the upstream symbols that it touches, and why.
`tests/peer/test_aiortc_seam.py` fails, naming the symbol, when one is gone; pyproject.toml holds both libraries to the
minor version that was tested. Only connections made inside `ours()` are changed: a program that uses aiortc itself,
beside a peer, sees it as it is. With PEER_STOCK_AIORTC=1 in the environment nothing is changed at all.
"""

import peer._aiortc.dtls
import peer._aiortc.extensions  # noqa: F401 these put themselves in their places, as the receiver does
from peer._aiortc.ahead import prepare_media
from peer._aiortc.connecting import TellingConnection, peer_connection
from peer._aiortc.ice import TrickleConnection, host_addresses, ice_connection, keep_transport, selected_pair
from peer._aiortc.mdns import Names, is_name
from peer._aiortc.receiver import Receiver, Tap
from peer._aiortc.scope import STOCK, ours
from peer._aiortc.sections import kinds_without_codec, leave_out_unoffered
from peer._aiortc.sender import configure_senders
from peer._aiortc.trade import set_latency

__all__ = [
    "STOCK",
    "Names",
    "Receiver",
    "Tap",
    "TellingConnection",
    "TrickleConnection",
    "configure_senders",
    "host_addresses",
    "ice_connection",
    "is_name",
    "keep_transport",
    "kinds_without_codec",
    "leave_out_unoffered",
    "ours",
    "peer_connection",
    "prepare_media",
    "selected_pair",
    "set_latency",
]
