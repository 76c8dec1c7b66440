"""A receiver in the place of `aiortc.RTCRtpReceiver`: pictures as soon as they are complete, losses mended in time.

It offers what aiortc 1.16 uses of a receiver (`_track`, `_enabled`, `_set_rtcp_ssrc`, `_handle_rtcp_packet`,
`_handle_disconnect`, and the public names), except that `MediaTransport` gives it packets by `on_packet`; and uses: of
`aiortc.RTCDtlsTransport`: `_register_rtp_receiver`, `_unregister_rtp_receiver`, `_get_stats`, `_stats_id`; of
`aiortc.rtcrtpreceiver`: `RemoteStreamTrack`, `TimestampMapper`; of `aiortc.rtp`: the RTCP packets; of `aiortc.codecs`:
`depayload`, `is_rtx`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import aiortc.rtcpeerconnection
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCStatsReport, clock
from aiortc.codecs import depayload, is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack, TimestampMapper
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSrPacket
from aiortc.stats import RTCInboundRtpStreamStats, RTCRemoteOutboundRtpStreamStats

from peer._aiortc.decoder_thread import Decoder, Task
from peer._aiortc.dtls import MediaTransport
from peer._aiortc.rtcp_in import Feedback
from peer._aiortc.scope import is_ours
from peer.background import start_task
from peer.media.base.coded import CodedMedia
from peer.rtp import colourspace
from peer.rtp.assembly import CodedFrame, MediaPacket, VideoAssembler
from peer.rtp.colourspace import SignalledColours
from peer.rtp.congestion import suitable_bitrate
from peer.rtp.jitterbuffer import JitterBuffer
from peer.rtp.keyframes import starts_keyframe
from peer.rtp.latency import HOLD, Latency
from peer.rtp.opus import lost_packet
from peer.rtp.packet import RtpPacket, retransmitted
from peer.rtp.soundbuffer import SoundBuffer

logger = logging.getLogger(__name__)

FEEDBACK_SECONDS = 0.005
VIDEO_CLOCK = 90_000
FPS = 30
Tap: TypeAlias = Callable[[CodedMedia], None]


class Receiver:
    """Receives one track: packets in, decoded frames out."""

    def __init__(self, kind: str, transport: RTCDtlsTransport) -> None:
        self._enabled = True
        self._track: RemoteStreamTrack | None = None
        self.transport = transport
        self.latency = Latency.BALANCED
        """Set before `receive`."""
        self._kind = self.kind = kind
        self._feedback = Feedback(kind)
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._codec: RTCRtpCodecParameters | None = None
        self._rtx_of: dict[int, int] = {}
        self._assembler = VideoAssembler()
        self._pictures: JitterBuffer | None = None
        self._sound: SoundBuffer | None = None
        self._timestamps = TimestampMapper()
        self._colours = SignalledColours(0)
        self._decoder: Decoder | None = None
        self._tap: Tap | None = None
        self._reports: asyncio.Task[None] | None = None
        self._asking: asyncio.TimerHandle | None = None
        self._releasing: asyncio.TimerHandle | None = None
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
        self._feedback.ssrc = ssrc

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Start receiving."""
        if self._reports is not None or self._track is None:
            return
        self._codecs = {codec.payloadType: codec for codec in parameters.codecs if codec.payloadType is not None}
        for encoding in parameters.encodings:
            if encoding.rtx and encoding.rtx.ssrc is not None and encoding.ssrc is not None:
                self._rtx_of[encoding.rtx.ssrc] = encoding.ssrc
        if isinstance(self.transport, MediaTransport):
            self._feedback.transport = self.transport
        self._feedback.configure(parameters)
        numbers = {extension.uri: extension.id for extension in parameters.headerExtensions}
        self._colours = SignalledColours(numbers.get(colourspace.URI, 0))
        self._make_buffers(parameters.codecs[0])
        self.prepare(parameters.codecs[0])
        if self._decoder is not None:
            self._decoder.track = self._track
        self.transport._register_rtp_receiver(self, parameters)  # type: ignore[arg-type]  # see `on_packet`
        self._reports = start_task(self._run_reports(), f"reporting on the {self._kind} that comes")

    def prepare(self, codec: RTCRtpCodecParameters) -> None:
        """Start the decoder, for this codec at first; before `receive`."""
        self._decoder = self._decoder or Decoder(self._kind, codec, self._on_decoder_lost)

    def _make_buffers(self, codec: RTCRtpCodecParameters) -> None:
        hold = HOLD[self._kind][self.latency]
        if self._kind == "video":
            self._pictures = JitterBuffer(VIDEO_CLOCK, hold)
        else:
            self._sound = SoundBuffer(codec.clockRate, hold, lost_packet if codec.name.lower() == "opus" else None)

    async def stop(self) -> None:
        """Stop for good; the track ends."""
        self._handle_disconnect()
        if self._reports is None:
            return
        self.transport._unregister_rtp_receiver(self)  # type: ignore[arg-type]
        self._reports.cancel()
        await asyncio.gather(self._reports, return_exceptions=True)

    def _handle_disconnect(self) -> None:
        self._feedback.close()
        for timer in (self._asking, self._releasing):
            if timer is not None:
                timer.cancel()
        if self._decoder is not None:
            self._decoder.end()
            self._decoder = None

    async def getStats(self) -> RTCStatsReport:  # noqa: N802
        """Inbound and remote outbound figures, and the transport's."""
        for ssrc, stream in self._feedback.streams.items():
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

    def on_packet(self, packet: RtpPacket, arrival: float) -> None:
        """A packet of this track, or of its retransmissions, came at this time on the monotonic clock."""
        codec = self._codecs.get(packet.payload_type)
        if codec is None or not self._enabled or self._decoder is None:
            return
        self._feedback.note(packet, codec.clockRate, arrival)
        if is_rtx(codec):
            unwrapped = self._unwrap(packet, codec)
            if unwrapped is None:
                return
            packet, codec = unwrapped
        else:
            self._feedback.media_ssrc = packet.ssrc
        try:
            data = depayload(codec, packet.payload) if packet.payload else b""
        except ValueError as error:
            logger.debug("an RTP payload can't be read: %s", error)
            return
        self._codec = codec
        key = self._kind == "video" and starts_keyframe(codec.name, packet.payload)
        self._colours.see(packet, keyframe=key)
        media = MediaPacket(packet.sequence_number, packet.timestamp, packet.marker, data, key)
        if self._sound is not None:
            self._sound.add(media, arrival)
        elif self._pictures is not None:
            now = time.monotonic()
            self._pictures.rough = self._feedback.path.is_rough(now)
            for frame in self._assembler.add(media, now):
                self._pictures.add(frame, arrival)
            if self._asking is None and self._assembler.busy:
                self._ask()
        self._release()

    def _unwrap(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters
    ) -> tuple[RtpPacket, RTCRtpCodecParameters] | None:
        """The packet that a retransmission stream carries (RFC 4588 §4)."""
        apt = codec.parameters.get("apt")
        original = self._codecs.get(apt) if isinstance(apt, int) else None
        ssrc = self._rtx_of.get(packet.ssrc, self._feedback.media_ssrc)
        if original is None or original.payloadType is None or ssrc is None or len(packet.payload) < 2:
            return None
        return retransmitted(packet, original.payloadType, ssrc), original

    def _release(self) -> None:
        """Decode what is due now, and come back when more will be."""
        if self._releasing is not None:
            self._releasing.cancel()
            self._releasing = None
        buffer = self._pictures or self._sound
        if buffer is None or self._decoder is None:
            return
        now = time.monotonic()
        for frame in buffer.due(now):
            self._decode(frame)
        due = buffer.next_due()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._releasing = loop.call_later(max(0.001, due - now), self._release)

    def _decode(self, frame: CodedFrame) -> None:
        if self._decoder is not None and self._codec is not None:
            timestamp = self._timestamps.map(frame.timestamp)
            if self._tap is not None:
                self._tap(CodedMedia(self._kind, self._codec.name, frame.data, timestamp / self._codec.clockRate))
            key = frame.keyframe or self._kind == "audio"
            colours = self._colours.current if self._codec.name == "VP8" else None  # H264 says it itself
            self._decoder.put(Task(self._codec, frame.data, timestamp, key, colours))

    def tap(self, tap: Tap | None) -> None:
        """Have every frame also as it was coded, in the order in which they are decoded."""
        self._tap = tap

    def request_keyframe(self) -> None:
        """Ask the partner for a picture that needs no other (RFC 4585 §6.3.1)."""
        self._feedback.ask_for_keyframe()

    def _ask(self) -> None:
        """Ask for what is missing, now and as long as something is."""
        self._asking = None
        lost, keyframe = self._assembler.feedback(time.monotonic())
        if lost:
            self._feedback.ask_again(lost)
        if keyframe:
            self._feedback.ask_for_keyframe()
        if self._assembler.busy and self._decoder is not None:
            self._asking = asyncio.get_running_loop().call_later(FEEDBACK_SECONDS, self._ask)

    def _on_decoder_lost(self) -> None:
        if self._kind == "video":
            self._assembler.request_keyframe()
            if self._asking is None:
                self._ask()

    # ---- RTCP

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            self._feedback.note_sender_report(packet.ssrc, info)
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
            self._feedback.report()
            if self._decoder is not None and self._kind == "video":
                self._feedback.ask_for_enough(suitable_bitrate(*self._decoder.size, FPS))


def _make_receiver(kind: str, transport: RTCDtlsTransport) -> Any:
    return Receiver(kind, transport) if is_ours() else RTCRtpReceiver(kind, transport)


# aiortc.rtcpeerconnection.RTCRtpReceiver: the name by which a connection makes its receivers.
aiortc.rtcpeerconnection.RTCRtpReceiver = _make_receiver  # type: ignore[attr-defined, assignment]
