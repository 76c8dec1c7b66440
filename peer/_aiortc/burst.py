"""Sending the packets of a picture at once: `aiortc.RTCDtlsTransport._send_rtp` without three coroutines for each.

Touches, of `aiortc.RTCDtlsTransport`: `_state`, `_tx_srtp`, `_send_rtp`, and its counts `__tx_bytes` and
`__tx_packets`; of `aiortc.RTCIceTransport`: `_connection`; of `aioice.Connection`: `_nominated`; and the undocumented
`StunProtocol` of `aioice.ice` and its `transport`.
"""

from collections.abc import Sequence

from aioice.ice import StunProtocol
from aiortc.rtcdtlstransport import RTCDtlsTransport, State


async def send_burst(transport: RTCDtlsTransport, packets: Sequence[bytes]) -> None:
    """Encrypt and send RTP packets, one right after the other.

    Raises `ConnectionError` when the transport is not up. Only a TURN server, which may have to be asked for a channel
    first, makes it wait.
    """
    if transport._state is not State.CONNECTED:
        raise ConnectionError("the transport is not connected")
    pair = transport.transport._connection._nominated.get(1)
    if pair is None or not isinstance(pair.protocol, StunProtocol):
        for packet in packets:
            await transport._send_rtp(packet)
        return
    protect, send, address = transport._tx_srtp.protect, pair.protocol.transport.sendto, pair.remote_addr
    octets = 0
    for packet in packets:
        encrypted = protect(packet)
        send(encrypted, address)
        octets += len(encrypted)
    transport._RTCDtlsTransport__tx_bytes += octets  # type: ignore[attr-defined]
    transport._RTCDtlsTransport__tx_packets += len(packets)  # type: ignore[attr-defined]
