"""The transport of media in the place of `aiortc.RTCDtlsTransport`: RTP goes from the socket to its receiver at once.

Upstream, each packet waits in a queue for a task, is looked at in full, and passes through seven coroutines. Touches,
of `aiortc.RTCDtlsTransport`: `_setup_srtp`, `_rx_srtp`, `_tx_srtp`, `_rtp_router`, `_send_rtp`, `_handle_rtp_data`,
`_state`, `_task`, `_srtp_profiles`, and its counts `__rx_bytes`, `__rx_packets`, `__tx_bytes` and `__tx_packets`;
`aiortc.RTCIceGatherer._connection`; `aiortc.RTCCertificate._create_ssl_context`; and `aiortc.rtcdtlstransport.State`.
"""

import logging
import time
from typing import Any, cast

import aiortc.rtcpeerconnection
import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsParameters, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import State
from aiortc.rtp import is_rtcp

from peer._aiortc.ice import TrickleConnection
from peer._aiortc.scope import is_ours
from peer.background import watch
from peer.rtp import packet as rtp

logger = logging.getLogger(__name__)


class MediaTransport(RTCDtlsTransport):
    """aiortc's transport, with a short way for packets."""

    _RTCDtlsTransport__rx_bytes: int
    _RTCDtlsTransport__rx_packets: int
    _RTCDtlsTransport__tx_bytes: int
    _RTCDtlsTransport__tx_packets: int

    def __init__(self, transport: RTCIceTransport, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self._agent = cast(TrickleConnection, transport.iceGatherer._connection)  # made inside `ours()`, as this is
        # Made while waiting for a partner: it takes 5 to 10 ms, which upstream spends when the partner is there.
        context = certificates[0]._create_ssl_context(srtp_profiles=self._srtp_profiles)
        certificates[0]._create_ssl_context = lambda srtp_profiles: context  # type: ignore[method-assign]

    async def start(self, remoteParameters: RTCDtlsParameters) -> None:  # noqa: N803 upstream's name
        """Connect, and see to it that what reads from the connection does not die unseen."""
        await super().start(remoteParameters)
        if self._task is not None:
            watch(self._task, "reading from the partner")

    def _setup_srtp(self) -> None:
        super()._setup_srtp()
        if self._rx_srtp is not None:
            self._agent.on_rtp = self._on_rtp

    def _on_rtp(self, data: bytes, arrival: float) -> None:
        """An SRTP packet came, at this time on the monotonic clock."""
        if self._state is not State.CONNECTED:
            return
        self._RTCDtlsTransport__rx_bytes += len(data)
        self._RTCDtlsTransport__rx_packets += 1
        try:
            data = self._rx_srtp.unprotect(data)
        except pylibsrtp.Error as error:
            logger.debug("an RTP packet can't be used: %s", error)
            return
        self._agent.heard()
        self._deliver(data, arrival)

    def _deliver(self, data: bytes, arrival: float) -> None:
        try:
            packet = rtp.parse(data)
        except ValueError as error:
            logger.debug("an RTP packet can't be used: %s", error)
            return
        receiver: Any = self._rtp_router.route_rtp(packet)  # type: ignore[arg-type]  # it looks at two numbers
        if receiver is not None:
            receiver.on_packet(packet, arrival)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        """A packet that came before there were keys has waited in upstream's queue."""
        self._deliver(data, time.monotonic())

    def send_now(self, data: bytes) -> None:
        """Send an RTP or RTCP packet. Raises `ConnectionError` when there is no connection."""
        if self._state is not State.CONNECTED:
            raise ConnectionError("cannot send media: not connected")
        session = self._tx_srtp
        protected = session.protect_rtcp(data) if is_rtcp(data) else session.protect(data)
        self._agent.send_now(protected)
        self._RTCDtlsTransport__tx_bytes += len(protected)
        self._RTCDtlsTransport__tx_packets += 1

    async def _send_rtp(self, data: bytes) -> None:
        self.send_now(data)


def _make_transport(transport: RTCIceTransport, certificates: list[RTCCertificate]) -> RTCDtlsTransport:
    return (MediaTransport if is_ours() else RTCDtlsTransport)(transport, certificates)


# aiortc.rtcpeerconnection.RTCDtlsTransport: the name by which a connection makes its transports.
aiortc.rtcpeerconnection.RTCDtlsTransport = _make_transport  # type: ignore[attr-defined, assignment]
