"""Gives a film's pictures as they are coded, as long as that will do.

They pass in groups: a keyframe and the pictures that build on it. When the partner can't go on without a new keyframe,
the group so far is decoded in one go, and pictures follow in place of packets, for the sender to code, up to the
film's next keyframe.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.bitstream import BitStreamFilterContext

from peer.media.base.codedtrack import CODECS, CodedWish, is_shown, time_of
from peer.media.base.encoder import Packet
from peer.media.sources.film.film import decode
from peer.rtp.payload import split_annex_b

logger = logging.getLogger(__name__)

SPS, PICTURE = 7, {1, 2, 3, 4, 5}  # types of NAL units: sequence parameter set, parts of a picture (H.264 §7.4.1)
MOMENT = 0.001  # seconds: less than from one picture to the next
GROUP_BYTES = 16 << 20
GROUP_SECONDS = 10.0
"""What is kept of a group; pictures follow where it goes on longer."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A picture as it is coded: an H264 byte stream, or a VP8 frame. `time` in seconds on the film's own clock."""

    data: bytes
    keyframe: bool
    time: float
    size: tuple[int, int]  # width, height


class Passer:
    """For one run through a film. What it gives depends on the wish, which may change at any time."""

    def __init__(self, stream: av.VideoStream, wish: CodedWish, begin: float = 0.0) -> None:
        """Pictures before `begin`, on the film's own clock, are decoded: they are there to be left out."""
        self._begin = begin
        self._stream = stream
        self._codec = CODECS.get(stream.codec_context.name)
        self._wish = wish
        self._form = _Form(stream)
        self._passing = False
        self._group: list[Packet] = []  # from the last keyframe on, while packets pass
        self._bytes = 0
        self._last: float | None = None  # the time of the last packet that passed
        self._refused = False

    def take(self, packet: Packet) -> Iterator[av.VideoFrame | Passed]:
        """What comes of the film's next packet."""
        time = time_of(packet)
        late_enough = time is not None and time >= self._begin
        if packet.size and packet.is_keyframe and late_enough and self._is_wanted():
            yield from self._restart_decoder()
            self._group, self._bytes, self._passing = [], 0, True
            self._wish.since, self._wish.keyframe = None, False
        elif self._passing and packet.size and not self._may_follow(packet):
            yield from self._catch_up()
        if not self._passing:
            yield from self._new(decode(packet))
        elif packet.size:
            self._group.append(packet)
            self._bytes += packet.size
            self._last = time
            size = self._stream.codec_context.width, self._stream.codec_context.height
            if data := self._form.of(packet):
                yield Passed(data, bool(packet.is_keyframe), time or 0.0, size)

    def _is_wanted(self) -> bool:
        return self._wish.codec is not None and self._wish.codec == self._codec and not self._refused

    def _may_follow(self, packet: Packet) -> bool:
        """Whether a packet can pass after the group so far."""
        time = time_of(packet)
        if time is None or self._last is None or time <= self._last:
            self._refused = True  # coded in another order than shown
        elif self._codec == "VP8" and not is_shown(packet):
            self._refused = True
        seconds = (time or 0.0) - (time_of(self._group[0]) or 0.0)
        too_long = self._bytes > GROUP_BYTES or seconds > GROUP_SECONDS
        return self._is_wanted() and not self._wish.keyframe and not too_long

    def _catch_up(self) -> Iterator[av.VideoFrame]:
        """Bring the decoder to where the packets are; pictures that did not get to the partner come again."""
        logger.debug("decoding a group of %d pictures to go on from there", len(self._group))
        group, self._group, self._passing = self._group, [], False
        if self._wish.since is not None and self._last is not None:
            self._last = min(self._last, self._wish.since - MOMENT)
        self._wish.since, self._wish.keyframe = None, False
        self._stream.codec_context.flush_buffers()
        for packet in group:
            yield from self._new(decode(packet))

    def _restart_decoder(self) -> Iterator[av.VideoFrame]:
        """The pictures that are still in the decoder, which then begins anew."""
        if not self._passing:
            rest = self._stream.codec_context.decode(None)
            for frame in rest:
                frame.time_base = self._stream.time_base or frame.time_base  # decoding nothing gives none
            yield from self._new(rest)
        self._stream.codec_context.flush_buffers()

    def _new(self, frames: "list[av.VideoFrame | av.AudioFrame] | list[av.VideoFrame]") -> Iterator[av.VideoFrame]:
        """Without those that were sent as packets already."""
        for frame in frames:
            sent = self._last is not None and frame.time is not None and -GROUP_SECONDS < frame.time - self._last <= 0
            if isinstance(frame, av.VideoFrame) and not sent:
                yield frame


class _Form:
    """Brings packets into the form that is sent: H264 as a byte stream with its parameter sets before each keyframe."""

    def __init__(self, stream: av.VideoStream) -> None:
        context = stream.codec_context
        self._is_h264 = context.name == "h264"
        extra = context.extradata or b""
        self._filter: BitStreamFilterContext | None = None
        self._parameters = b""
        self._held = b""
        if self._is_h264 and extra[:1] == b"\1":  # ISO/IEC 14496-15 §5.3.3
            self._filter = BitStreamFilterContext("h264_mp4toannexb", stream)
        else:
            self._parameters = extra

    def of(self, packet: Packet) -> bytes:
        """What to send for a packet; nothing for one without a picture, which then goes before the next."""
        if not self._is_h264:
            return bytes(packet)
        data = self._held + self._byte_stream(packet)
        units = {unit[0] & 0x1F for unit in split_annex_b(data) if unit}
        self._held = b"" if units & PICTURE else data
        if packet.is_keyframe and SPS not in units:
            data = self._parameters + data
        return data if units & PICTURE else b""

    def _byte_stream(self, packet: Packet) -> bytes:
        data = bytes(packet)
        if self._filter is None:
            return data
        # The filter takes what it is given, and this packet may have to be decoded later.
        return b"".join(map(bytes, self._filter.filter(av.Packet(data))))
