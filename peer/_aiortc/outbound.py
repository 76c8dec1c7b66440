"""One outgoing RTP stream: headers and numbers, what was sent, and sending that again (RFC 3550 §5, RFC 4588)."""

import secrets
import struct

from aiortc import clock
from aiortc.rtcrtpparameters import RTCRtpSendParameters

from peer._aiortc.extensions import PLAYOUT_DELAY_URI
from peer.rtp.latency import PlayoutRequest

HISTORY_PACKETS = 1024
"""How many sent packets can be sent again: over a second of 8 Mbit/s. A power of two, which divides 65536."""

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

_HEADER = struct.Struct("!BBHII")
_WORD = struct.Struct("!I")


class OutboundStream:
    """Makes the packets of one SSRC, and remembers them."""

    def __init__(self) -> None:
        self.ssrc, self.rtx_ssrc = secrets.randbits(32), secrets.randbits(32)
        self.packets = self.octets = 0
        """Sent so far: packets, and bytes of payload, without what was sent again."""
        self.timestamp = 0
        """The RTP time of the last picture or piece of sound."""
        self._payload_type = 0
        self._rtx_payload_type: int | None = None
        self._sequence = secrets.randbelow(1 << 15)
        self._rtx_sequence = secrets.randbelow(1 << 15)
        self._origin = secrets.randbits(32)
        self.playout = PlayoutRequest()
        """Which play-out delay the partner's browser is asked for."""
        self._extensions = _Extensions()
        self._history: list[bytes] = [b""] * HISTORY_PACKETS
        self._octets_before = [0] * HISTORY_PACKETS
        """What had been sent in all with the packet in the same place of the history."""
        self._all_octets = 0
        """Sent so far, headers and repeated packets included."""
        self._repeated_at = [0.0] * HISTORY_PACKETS
        """When that packet was last sent again: 0 for never, less when it was asked for only."""

    def configure(self, payload_type: int, rtx_payload_type: int | None, parameters: RTCRtpSendParameters) -> None:
        """Take the numbers that were negotiated; before the first packet."""
        self._payload_type, self._rtx_payload_type = payload_type, rtx_payload_type
        self._extensions.configure(parameters)

    def begin(self, timestamp: int) -> None:
        """The packets from here on are of this time, in units of the codec's clock."""
        self.timestamp = (self._origin + timestamp) & 0xFFFFFFFF

    def pack(self, payloads: list[bytes], *, last: bool, level: int | None = None) -> list[bytes]:
        """The packets of these payloads, to be sent now; `last` marks the end of a picture."""
        extensions = self._extensions.pack(level, self.playout.bounds)
        kind, sequence, timestamp, ssrc = self._payload_type, self._sequence, self.timestamp, self.ssrc
        made = []
        for left, payload in zip(range(len(payloads) - 1, -1, -1), payloads, strict=True):
            marked = 0x80 | kind if last and not left else kind
            packet = _HEADER.pack(0x90, marked, sequence, timestamp, ssrc) + extensions + payload
            self.octets += len(payload)
            self._all_octets += len(packet)
            place = sequence % HISTORY_PACKETS
            self._history[place], self._octets_before[place], self._repeated_at[place] = packet, self._all_octets, 0.0
            sequence = (sequence + 1) & 0xFFFF
            made.append(packet)
        self._sequence = sequence
        self.packets += len(made)
        return made

    def octets_until(self, sequence: int) -> int | None:
        """How much had been sent in all with the packet of this number; None when that is too long ago to know."""
        sequence &= 0xFFFF
        return self._octets_before[sequence % HISTORY_PACKETS] if self._find(sequence) is not None else None

    def repeated_at(self, sequence: int) -> float | None:
        """When a packet was last sent again, 0 for never, less if `defer` put it off; None when it is forgotten."""
        return None if self._find(sequence) is None else self._repeated_at[sequence % HISTORY_PACKETS]

    def defer(self, sequence: int) -> None:
        """The partner has asked for a remembered packet, which has to wait."""
        place = sequence % HISTORY_PACKETS
        self._repeated_at[place] = self._repeated_at[place] or -1.0

    def again(self, sequence: int, now: float) -> bytes:
        """A remembered packet once more, as a retransmission stream (RFC 4588 §4) where that was negotiated."""
        packet = self._history[sequence % HISTORY_PACKETS]
        self._repeated_at[sequence % HISTORY_PACKETS] = now
        self._all_octets += len(packet)
        if self._rtx_payload_type is None:
            return packet
        start = 12 + 4 + 4 * struct.unpack_from("!H", packet, 14)[0]
        marked = packet[1] & 0x80 | self._rtx_payload_type
        header = _HEADER.pack(0x90, marked, self._rtx_sequence, _WORD.unpack_from(packet, 4)[0], self.rtx_ssrc)
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        return header + packet[12:start] + struct.pack("!H", sequence) + packet[start:]

    def _find(self, sequence: int) -> bytes | None:
        packet = self._history[sequence % HISTORY_PACKETS]
        return packet if packet[2:4] == sequence.to_bytes(2, "big") else None


class _Extensions:
    """The header extensions (RFC 8285 §4.2) of each packet: what never changes is put together once."""

    def __init__(self) -> None:
        self._fixed = b""
        self._playout: int | None = None
        self._send_time: int | None = None
        self._level: int | None = None

    def configure(self, parameters: RTCRtpSendParameters) -> None:
        # The partner chose the numbers; 0 and 15 mean something else (RFC 8285 §4.2).
        ids = {extension.uri: extension.id for extension in parameters.headerExtensions if 0 < extension.id < 15}
        fixed = b""
        mid = parameters.muxId.encode()[:16]
        if MID_URI in ids and mid:
            fixed += bytes([ids[MID_URI] << 4 | len(mid) - 1]) + mid
        self._fixed = fixed
        self._playout = ids.get(PLAYOUT_DELAY_URI)
        self._send_time, self._level = ids.get(SEND_TIME_URI), ids.get(AUDIO_LEVEL_URI)

    def pack(self, level: int | None, playout: tuple[int, int]) -> bytes:
        values = self._fixed
        if self._playout is not None:
            values += _WORD.pack((self._playout << 4 | 2) << 24 | playout[0] << 12 | playout[1])
        if self._send_time is not None:
            now = (clock.current_ntp_time() >> 14) & 0xFFFFFF
            values += _WORD.pack((self._send_time << 4 | 2) << 24 | now)
        if self._level is not None and level is not None:
            values += bytes([self._level << 4, -level & 0x7F])
        values += bytes(-len(values) % 4)
        return struct.pack("!HH", 0xBEDE, len(values) // 4) + values
