"""What a receiver tells its partner by RTCP: losses, keyframe requests, what the link carries, and reports.

Uses of `aiortc.rate`: `RemoteBitrateEstimator`; of `aiortc.rtp`: the RTCP packets and `pack_remb_fci`.
"""

import asyncio
import logging
import struct
import time

from aiortc.codecs import is_rtx
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    pack_remb_fci,
)

from peer._aiortc.dtls import MediaTransport
from peer._aiortc.extensions import TRANSPORT_CC
from peer.rtp import transportcc
from peer.rtp.allowance import STEP_SECONDS, Allowance
from peer.rtp.latency import Path
from peer.rtp.packet import RtpPacket
from peer.rtp.reception import Reception

logger = logging.getLogger(__name__)

ARRIVALS_SECONDS = 0.05
"""Between two reports on arrivals: the partner's browser reacts so much later; 20 small packets a second go out."""
LEAST_ESTIMATE = 2_500_000
"""bit/s: what a partner may send while nothing is lost. The estimator alone takes half a minute to allow as much."""
LOSS_TO_BELIEVE_ESTIMATE = 0.02
MAX_STREAMS = 8
"""Streams (SSRCs) that one receiver keeps counts of: a partner could name a new one in every packet."""
SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"


class Feedback:
    """The RTCP of one receiver."""

    def __init__(self, kind: str) -> None:
        self.transport: MediaTransport | None = None
        """Set before anything is sent."""
        self.ssrc: int | None = None
        """Ours, which RTCP packets bear."""
        self.media_ssrc: int | None = None
        """The partner's, of the stream that carries media."""
        self.streams: dict[int, Reception] = {}
        self._kind = kind
        self._sender_reports: dict[int, tuple[int, float]] = {}
        self._recent_loss = 0.0
        self._estimator: RemoteBitrateEstimator | None = None
        self._arrivals: transportcc.ArrivalLog | None = None
        self._arrival_id = self._send_time_id = 0
        self._allowance: Allowance | None = None
        self._enough = 0
        self.path = Path()
        self._timer: asyncio.TimerHandle | None = None
        self._lowering: asyncio.TimerHandle | None = None

    def configure(self, parameters: RTCRtpReceiveParameters) -> None:
        """Choose how to tell what the link carries: by every packet's arrival where both ends can, else by REMB."""
        if self._kind != "video":
            return
        ids = {extension.uri: extension.id for extension in parameters.headerExtensions}
        agreed = all(TRANSPORT_CC in codec.rtcpFeedback for codec in parameters.codecs if not is_rtx(codec))
        self._arrival_id, self._send_time_id = ids.get(transportcc.URI, 0), ids.get(SEND_TIME_URI, 0)
        if agreed and self._arrival_id:
            self._arrivals = transportcc.ArrivalLog()
            self._allowance = Allowance(time.monotonic())
        elif self._send_time_id:
            self._estimator = RemoteBitrateEstimator()

    def close(self) -> None:
        """Send no more by itself."""
        for timer in (self._timer, self._lowering):
            if timer is not None:
                timer.cancel()

    # ---- packets come

    def note(self, packet: RtpPacket, clock_rate: int, arrival: float) -> None:
        """Count a packet, and when it came."""
        stream = self.streams.get(packet.ssrc)
        if stream is None:
            if len(self.streams) == MAX_STREAMS:
                del self.streams[next(iter(self.streams))]
            stream = self.streams[packet.ssrc] = Reception(clock_rate)
        stream.add(packet.sequence_number, packet.timestamp, arrival)
        if self._arrivals is not None and (value := packet.extension(self._arrival_id)) and len(value) == 2:
            self._arrivals.add(value[0] << 8 | value[1], arrival)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(ARRIVALS_SECONDS, self._report_arrivals)
        if not self._send_time_id or not (packet.marker or self._estimator):
            return
        value = packet.extension(self._send_time_id)
        if value is None or len(value) != 3:
            return
        send_time = int.from_bytes(value)
        if packet.marker:  # one for each picture is enough
            self.path.add(send_time, arrival)
        if self._estimator is not None:
            self._estimate(self._estimator, packet, send_time, arrival)

    def _report_arrivals(self) -> None:
        self._timer = None
        control = self._arrivals.take() if self._arrivals is not None else None
        if control is None or self.ssrc is None:
            return
        body = struct.pack("!II", self.ssrc, self.media_ssrc or 0) + control
        padding = -len(body) % 4
        if padding:
            body += bytes(padding - 1) + bytes([padding])
        first = 0x80 | bool(padding) << 5 | transportcc.FORMAT
        self._send(struct.pack("!BBH", first, RTCP_RTPFB, len(body) // 4) + body)

    def _estimate(self, estimator: RemoteBitrateEstimator, packet: RtpPacket, send_time: int, arrival: float) -> None:
        """Tell the partner what it may send (draft-alvestrand-rmcat-remb)."""
        estimate = estimator.add(
            abs_send_time=send_time,
            arrival_time_ms=int(arrival * 1000),
            payload_size=len(packet.payload),
            ssrc=packet.ssrc,
        )
        if estimate is None or self.ssrc is None:
            return
        bitrate, ssrcs = estimate
        if self._recent_loss < LOSS_TO_BELIEVE_ESTIMATE:
            bitrate = max(bitrate, LEAST_ESTIMATE)
        control = pack_remb_fci(bitrate, ssrcs[:MAX_STREAMS])
        self._send(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self.ssrc, media_ssrc=0, fci=control))

    def ask_for_enough(self, enough: int) -> None:
        """Tell a partner who knows by itself what the link carries that it need not send more than this (bit/s)."""
        self._enough = enough
        if self._lowering is None:
            self._lower()

    def _lower(self) -> None:
        self._lowering = None
        if self._allowance is None or self.ssrc is None or self.media_ssrc is None:
            return
        allowed = self._allowance.towards(self._enough, time.monotonic())
        if allowed is None:
            return
        control = pack_remb_fci(allowed, [self.media_ssrc])
        self._send(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self.ssrc, media_ssrc=0, fci=control))
        if self._allowance.is_falling:
            self._lowering = asyncio.get_running_loop().call_later(STEP_SECONDS, self._lower)

    def note_sender_report(self, ssrc: int, info: RtcpSenderInfo) -> None:
        """A sender report came: our next reports tell how long ago (RFC 3550 §6.4.1)."""
        if len(self._sender_reports) == MAX_STREAMS and ssrc not in self._sender_reports:
            del self._sender_reports[next(iter(self._sender_reports))]
        self._sender_reports[ssrc] = (info.ntp_timestamp >> 16 & 0xFFFFFFFF, time.monotonic())

    # ---- requests and reports go

    def ask_again(self, lost: list[int]) -> None:
        """Have these packets sent again (generic NACK, RFC 4585 §6.2.1)."""
        if self.ssrc is not None and self.media_ssrc is not None:
            packet = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self.ssrc, media_ssrc=self.media_ssrc)
            packet.lost = sorted(lost)
            self._send(packet)

    def ask_for_keyframe(self) -> None:
        """Picture loss indication (RFC 4585 §6.3.1)."""
        if self.ssrc is not None and self.media_ssrc is not None:
            self._send(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self.ssrc, media_ssrc=self.media_ssrc))

    def report(self) -> None:
        """Send a receiver report on all streams."""
        reports = [self._report(ssrc, stream) for ssrc, stream in self.streams.items()]
        if reports and self.ssrc is not None:
            self._recent_loss = max(report.fraction_lost for report in reports) / 256
            self.path.add_loss(self._recent_loss, time.monotonic())
            self._send(RtcpRrPacket(ssrc=self.ssrc, reports=reports))

    def _report(self, ssrc: int, stream: Reception) -> RtcpReceiverInfo:
        middle, at = self._sender_reports.get(ssrc, (0, 0.0))
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=stream.take_fraction_lost(),
            packets_lost=stream.packets_lost,
            highest_sequence=stream.highest & 0xFFFFFFFF,
            jitter=stream.jitter,
            lsr=middle,
            dlsr=min(int((time.monotonic() - at) * 65536), 0xFFFFFFFF) if at else 0,
        )

    def _send(self, packet: AnyRtcpPacket | bytes) -> None:
        if self.transport is None:
            return
        try:
            self.transport.send_now(bytes(packet))
        except ConnectionError:
            logger.debug("feedback could not be sent: the transport is gone")
