"""A receiver in the place of `aiortc.RTCRtpReceiver`: pictures as soon as they are complete, losses mended in time.

It offers what aiortc 1.16 uses of a receiver (`_track`, `_enabled`, `_set_rtcp_ssrc`, `_handle_rtp_packet`,
`_handle_rtcp_packet`, `_handle_disconnect`, and the public names), and uses: of `aiortc.RTCDtlsTransport`:
`_send_rtp`, `_register_rtp_receiver`, `_unregister_rtp_receiver`, `_get_stats`, `_stats_id`; of
`aiortc.rtcrtpreceiver`: `RemoteStreamTrack` and its `_queue`, `StreamStatistics`, `TimestampMapper`; of `aiortc.rate`:
`RemoteBitrateEstimator`; of `aiortc.rtp`: the RTCP packets, `pack_remb_fci`, `unwrap_rtx`; of `aiortc.codecs`:
`depayload`, `get_decoder`, `is_rtx`; of `aiortc.jitterbuffer`: `JitterFrame`.
"""

import asyncio
import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import aiortc.rtcpeerconnection
import av
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCStatsReport, clock
from aiortc.codecs import depayload, get_decoder, is_rtx
from aiortc.jitterbuffer import JitterFrame
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack, StreamStatistics, TimestampMapper
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)
from aiortc.stats import RTCInboundRtpStreamStats, RTCRemoteOutboundRtpStreamStats

from peer._aiortc.scope import is_ours
from peer.media.assembly import AudioAssembler, CodedFrame, MediaPacket, VideoAssembler
from peer.media.coded import CodedMedia
from peer.media.keyframes import starts_keyframe

logger = logging.getLogger(__name__)

FEEDBACK_SECONDS = 0.02
LEAST_ESTIMATE = 2_500_000
"""bit/s: what a partner may send while nothing is lost. The estimator alone takes half a minute to allow as much."""
LOSS_TO_BELIEVE_ESTIMATE = 0.02
Tap: TypeAlias = Callable[[CodedMedia], None]
MAX_STREAMS = 8
"""Streams (SSRCs) that one receiver keeps counts of: a partner could name a new one in every packet."""


class Receiver:
    """Receives one track: packets in, decoded frames out."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        self._enabled = True
        self._track: RemoteStreamTrack | None = None
        self.transport = transport
        self._kind = self.kind = kind
        self._assembler: VideoAssembler | AudioAssembler = VideoAssembler() if kind == "video" else AudioAssembler()
        self._estimator = RemoteBitrateEstimator() if kind == "video" else None
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._codec: RTCRtpCodecParameters | None = None
        self._rtx_of: dict[int, int] = {}
        self._rtcp_ssrc: int | None = None
        self._media_ssrc: int | None = None
        self._streams: dict[int, StreamStatistics] = {}
        self._sender_reports: dict[int, tuple[int, float]] = {}
        self._recent_loss = 0.0
        self._timestamps = TimestampMapper()
        self._decoder: _Decoder | None = None
        self._tap: Tap | None = None
        self._reports: asyncio.Task[None] | None = None
        self._feedback: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._stats = RTCStatsReport()

    # ---- what aiortc and programs call

    @property
    def track(self) -> MediaStreamTrack | None:
        """The partner's track."""
        return self._track

    getCapabilities = RTCRtpReceiver.getCapabilities  # noqa: N815 the standard's name

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802
        """Use this transport; before `receive` only."""
        self.transport = transport

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self._rtcp_ssrc = ssrc

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Start receiving."""
        if self._reports is not None or self._track is None:
            return
        self._codecs = {codec.payloadType: codec for codec in parameters.codecs if codec.payloadType is not None}
        for encoding in parameters.encodings:
            if encoding.rtx and encoding.rtx.ssrc is not None and encoding.ssrc is not None:
                self._rtx_of[encoding.rtx.ssrc] = encoding.ssrc
        self._decoder = _Decoder(self._kind, self._track, asyncio.get_running_loop(), self._on_decoder_lost)
        self.transport._register_rtp_receiver(self, parameters)
        self._reports = asyncio.create_task(self._run_reports(), name=f"report received {self._kind}")

    async def stop(self) -> None:
        """Stop for good; the track ends."""
        if self._reports is None:
            return
        self.transport._unregister_rtp_receiver(self)
        self._handle_disconnect()
        self._reports.cancel()
        await asyncio.gather(self._reports, *self._sending, return_exceptions=True)

    def _handle_disconnect(self) -> None:
        if self._feedback is not None:
            self._feedback.cancel()
        if self._decoder is not None:
            self._decoder.end()
            self._decoder = None

    async def getStats(self) -> RTCStatsReport:  # noqa: N802
        """Inbound and remote outbound figures, and the transport's."""
        for ssrc, stream in self._streams.items():
            self._stats.add(
                RTCInboundRtpStreamStats(
                    timestamp=clock.current_datetime(),
                    type="inbound-rtp",
                    id=f"inbound-rtp_{id(self)}_{ssrc}",
                    ssrc=ssrc,
                    kind=self._kind,
                    transportId=self.transport._stats_id,
                    packetsReceived=stream.packets_received,
                    packetsLost=stream.packets_lost,
                    jitter=stream.jitter,
                )
            )
        self._stats.update(self.transport._get_stats())
        return self._stats

    # ---- packets

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = self._codecs.get(packet.payload_type)
        if codec is None or not self._enabled or self._decoder is None:
            return
        self._estimate(packet, arrival_time_ms)
        self._count(packet, codec)
        if is_rtx(codec):
            unwrapped = self._unwrap(packet, codec)
            if unwrapped is None:
                return
            packet, codec = unwrapped
        else:
            self._media_ssrc = packet.ssrc
        try:
            data = depayload(codec, packet.payload) if packet.payload else b""
        except ValueError as error:
            logger.debug("an RTP payload can't be read: %s", error)
            return
        self._codec = codec
        key = self._kind == "video" and starts_keyframe(codec.name, packet.payload)
        media = MediaPacket(packet.sequence_number, packet.timestamp, bool(packet.marker), data, key)
        for frame in self._assembler.add(media, time.monotonic()):
            self._decode(frame)
        if self._feedback is None:
            self._give_feedback()

    def _unwrap(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters
    ) -> tuple[RtpPacket, RTCRtpCodecParameters] | None:
        """The packet that a retransmission stream carries (RFC 4588 §4)."""
        apt = codec.parameters.get("apt")
        original = self._codecs.get(apt) if isinstance(apt, int) else None
        ssrc = self._rtx_of.get(packet.ssrc, self._media_ssrc)
        if original is None or original.payloadType is None or ssrc is None or len(packet.payload) < 2:
            return None
        return unwrap_rtx(packet, payload_type=original.payloadType, ssrc=ssrc), original

    def _count(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        stream = self._streams.get(packet.ssrc)
        if stream is None:
            if len(self._streams) == MAX_STREAMS:
                del self._streams[next(iter(self._streams))]
            stream = self._streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        stream.add(packet)

    def _decode(self, frame: CodedFrame) -> None:
        if self._decoder is not None and self._codec is not None:
            coded = JitterFrame(frame.data, self._timestamps.map(frame.timestamp))
            if self._tap is not None:
                self._tap(CodedMedia(self._kind, self._codec.name, coded.data, coded.timestamp / self._codec.clockRate))
            self._decoder.put(self._codec, coded)

    def tap(self, tap: Tap | None) -> None:
        """Have every frame also as it was coded, in the order in which they are decoded."""
        self._tap = tap

    def request_keyframe(self) -> None:
        """Ask the partner for a picture that needs no other (RFC 4585 §6.3.1)."""
        self._send_pli()

    def _give_feedback(self) -> None:
        """Ask for what is missing, now and as long as something is."""
        self._feedback = None
        now = time.monotonic()
        if isinstance(self._assembler, AudioAssembler):
            for frame in self._assembler.due(now):
                self._decode(frame)
            return
        lost, keyframe = self._assembler.feedback(now)
        if lost:
            self._send_nack(lost)
        if keyframe:
            self._send_pli()
        if self._assembler.busy and self._decoder is not None:
            self._feedback = asyncio.get_running_loop().call_later(FEEDBACK_SECONDS, self._give_feedback)

    def _on_decoder_lost(self) -> None:
        if isinstance(self._assembler, VideoAssembler):
            self._assembler.request_keyframe()
            if self._feedback is None:
                self._give_feedback()

    # ---- RTCP

    def _send_nack(self, lost: list[int]) -> None:
        if self._rtcp_ssrc is not None and self._media_ssrc is not None:
            packet = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._rtcp_ssrc, media_ssrc=self._media_ssrc)
            packet.lost = sorted(lost)
            self._send_rtcp(packet)

    def _send_pli(self) -> None:
        if self._rtcp_ssrc is not None and self._media_ssrc is not None:
            self._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._rtcp_ssrc, media_ssrc=self._media_ssrc))

    def _estimate(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """Tell the partner what it may send (draft-alvestrand-rmcat-remb)."""
        if self._estimator is None or packet.extensions.abs_send_time is None:
            return
        estimate = self._estimator.add(
            abs_send_time=packet.extensions.abs_send_time,
            arrival_time_ms=arrival_time_ms,
            payload_size=len(packet.payload) + packet.padding_size,
            ssrc=packet.ssrc,
        )
        if estimate is None or self._rtcp_ssrc is None:
            return
        bitrate, ssrcs = estimate
        if self._recent_loss < LOSS_TO_BELIEVE_ESTIMATE:
            bitrate = max(bitrate, LEAST_ESTIMATE)
        fci = pack_remb_fci(bitrate, ssrcs[:MAX_STREAMS])
        self._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self._rtcp_ssrc, media_ssrc=0, fci=fci))

    def _send_rtcp(self, packet: AnyRtcpPacket) -> None:
        task = asyncio.create_task(self._send(bytes(packet)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, packet: bytes) -> None:
        try:
            await self.transport._send_rtp(packet)
        except ConnectionError:
            logger.debug("feedback could not be sent: the transport is gone")

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            self._sender_reports[packet.ssrc] = (info.ntp_timestamp >> 16 & 0xFFFFFFFF, time.monotonic())
            self._stats.add(
                RTCRemoteOutboundRtpStreamStats(
                    timestamp=clock.current_datetime(),
                    type="remote-outbound-rtp",
                    id=f"remote-outbound-rtp_{id(self)}",
                    ssrc=packet.ssrc,
                    kind=self._kind,
                    transportId=self.transport._stats_id,
                    packetsSent=info.packet_count,
                    bytesSent=info.octet_count,
                    remoteTimestamp=clock.datetime_from_ntp(info.ntp_timestamp),
                )
            )
        elif isinstance(packet, RtcpByePacket):
            self._handle_disconnect()

    async def _run_reports(self) -> None:
        while True:
            await asyncio.sleep(0.5 + random.random())  # noqa: S311 spreads reports (RFC 3550 §6.2)
            reports = [self._report(ssrc, stream) for ssrc, stream in self._streams.items()]
            if reports and self._rtcp_ssrc is not None:
                self._recent_loss = max(report.fraction_lost for report in reports) / 256
                self._send_rtcp(RtcpRrPacket(ssrc=self._rtcp_ssrc, reports=reports))

    def _report(self, ssrc: int, stream: StreamStatistics) -> RtcpReceiverInfo:
        middle, at = self._sender_reports.get(ssrc, (0, 0.0))
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=stream.fraction_lost,
            packets_lost=stream.packets_lost,
            highest_sequence=stream.max_seq or 0,
            jitter=stream.jitter,
            lsr=middle,
            dlsr=min(int((time.monotonic() - at) * 65536), 0xFFFFFFFF) if at else 0,
        )


class _Decoder:
    """A thread that decodes the frames of one receiver, and puts them into its track."""

    def __init__(
        self, kind: str, track: RemoteStreamTrack, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]
    ) -> None:
        self._track = track
        self._loop = loop
        self._on_lost = on_lost
        self._queue: queue.SimpleQueue[tuple[RTCRtpCodecParameters, JitterFrame] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"decode {kind}", daemon=True).start()

    def put(self, codec: RTCRtpCodecParameters, frame: JitterFrame) -> None:
        self._queue.put((codec, frame))

    def end(self) -> None:
        """Let the thread finish; the track ends after the last frame."""
        self._queue.put(None)

    def _run(self) -> None:
        name, decoder = "", None
        while (task := self._queue.get()) is not None:
            codec, coded = task
            if decoder is None or codec.name != name:
                name, decoder = codec.name, get_decoder(codec)
            try:
                frames = decoder.decode(coded)
            except av.FFmpegError as error:
                logger.debug("a frame of %s can't be decoded: %s", name, error)
                self._tell(self._on_lost)
                continue
            for frame in frames:
                self._tell(self._track._queue.put_nowait, frame)
        self._tell(self._track._queue.put_nowait, None)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)


def _make_receiver(kind: str, transport: RTCDtlsTransport) -> Any:
    return Receiver(kind, transport) if is_ours() else RTCRtpReceiver(kind, transport)


# aiortc.rtcpeerconnection.RTCRtpReceiver: the name by which a connection makes its receivers.
aiortc.rtcpeerconnection.RTCRtpReceiver = _make_receiver  # type: ignore[attr-defined, assignment]
