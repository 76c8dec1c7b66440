"""What a sender tells of itself, and what its partner tells of it (RFC 3550 §6.4).

Uses, of `aiortc.rtp`: the RTCP packets; of `aiortc.RTCDtlsTransport`: `_get_stats`, `_stats_id`.
"""

import time
from dataclasses import dataclass

from aiortc import RTCStatsReport, clock
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import RtcpReceiverInfo, RtcpSdesPacket, RtcpSenderInfo, RtcpSourceInfo, RtcpSrPacket
from aiortc.stats import RTCOutboundRtpStreamStats, RTCRemoteInboundRtpStreamStats

from peer._aiortc.outbound import OutboundStream
from peer.media.base.encoder import VIDEO_CLOCK
from peer.rtp.congestion import BitrateController

REMEMBERED_REPORTS = 8
LEAST_INTERVAL_SECONDS = 0.4
"""Browsers add a report to each of their requests, tens in a second: loss and rate are taken over so long at least."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """The counts of a report that was reckoned with."""

    at: float
    octets: int | None
    highest: int
    lost: int


class SenderReports:
    """Makes the reports of one stream, and reads the partner's."""

    def __init__(self, kind: str, stream: OutboundStream, controller: BitrateController) -> None:
        self.kind = kind
        self.clock_rate = 48_000 if kind == "audio" else 90_000
        self.round_trip: float | None = None
        """Seconds, smoothed."""
        self._stream = stream
        self._controller = controller
        self._sent_at: dict[int, float] = {}
        self._media_at = 0.0
        self._heard: _Heard | None = None
        self._stats = RTCStatsReport()

    def note_media(self) -> None:
        """The stream's `timestamp` is of now."""
        self._media_at = time.monotonic()

    def make(self, cname: str) -> bytes:
        """A sender report and source description."""
        stream = self._stream
        now, ntp = time.monotonic(), clock.current_ntp_time()
        self._sent_at = {**dict(list(self._sent_at.items())[1 - REMEMBERED_REPORTS :]), ntp >> 16 & 0xFFFFFFFF: now}
        since = int((now - self._media_at) * self.clock_rate)
        info = RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=(stream.timestamp + since) & 0xFFFFFFFF,  # of the same moment (RFC 3550 §6.4.1)
            packet_count=stream.packets & 0xFFFFFFFF,
            octet_count=stream.octets & 0xFFFFFFFF,
        )
        names = [RtcpSourceInfo(ssrc=stream.ssrc, items=[(1, cname.encode())])]
        return bytes(RtcpSrPacket(ssrc=stream.ssrc, sender_info=info)) + bytes(RtcpSdesPacket(chunks=names))

    def read(self, report: RtcpReceiverInfo, partner_ssrc: int, transport: RTCDtlsTransport) -> None:
        """A report of the partner about the stream."""
        now = time.monotonic()
        sample = self._measure(report, now)
        if self._heard is None or now - self._heard.at >= LEAST_INTERVAL_SECONDS:
            lost, delivered = self._since_last(report, now)
            self._controller.on_report(lost, sample, now, delivered)
        self._stream.playout.on_report(report.jitter / VIDEO_CLOCK, report.fraction_lost / 256, now)  # of pictures only
        self._stats.add(
            RTCRemoteInboundRtpStreamStats(
                timestamp=clock.current_datetime(),
                type="remote-inbound-rtp",
                id=f"remote-inbound-rtp_{id(self)}",
                ssrc=partner_ssrc,
                kind=self.kind,
                transportId=transport._stats_id,
                packetsReceived=self._stream.packets - report.packets_lost,
                packetsLost=report.packets_lost,
                jitter=report.jitter,
                roundTripTime=self.round_trip or 0.0,
                fractionLost=report.fraction_lost,
            )
        )

    def _measure(self, report: RtcpReceiverInfo, now: float) -> float | None:
        """The round trip by this report, in seconds; None when it is about none of ours."""
        sent_at = self._sent_at.get(report.lsr)
        if sent_at is None or not report.dlsr:
            return None
        sample = max(0.0, now - sent_at - report.dlsr / 65536)
        self.round_trip = sample if self.round_trip is None else 0.7 * self.round_trip + 0.3 * sample
        return sample

    def _since_last(self, report: RtcpReceiverInfo, now: float) -> tuple[float, float | None]:
        """The share of packets lost since the report before, and the rate in bit/s at which the others arrived."""
        highest = report.highest_sequence
        heard = _Heard(now, self._stream.octets_until(highest), highest, report.packets_lost)
        before, self._heard = self._heard, heard
        if before is None:
            return report.fraction_lost / 256, None
        expected = (heard.highest - before.highest) & 0xFFFFFFFF
        lost = min(max(heard.lost - before.lost, 0) / expected, 1.0) if expected else 0.0
        if heard.octets is None or before.octets is None:
            return lost, None
        return lost, (heard.octets - before.octets) * 8 / (now - before.at) * (1 - lost)

    def statistics(self, track_id: int, transport: RTCDtlsTransport) -> RTCStatsReport:
        """Outbound and remote inbound figures, and the transport's (W3C webrtc-stats)."""
        self._stats.add(
            RTCOutboundRtpStreamStats(
                timestamp=clock.current_datetime(),
                type="outbound-rtp",
                id=f"outbound-rtp_{id(self)}",
                ssrc=self._stream.ssrc,
                kind=self.kind,
                transportId=transport._stats_id,
                packetsSent=self._stream.packets,
                bytesSent=self._stream.octets,
                trackId=str(track_id),
            )
        )
        self._stats.update(transport._get_stats())
        return self._stats
