"""Pictures that are coded already, sent as they are: what a sender asks of a track, and when a film will do."""

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import av

from peer.media.base.encoder import Packet
from peer.media.base.orientation import UPRIGHT, orientation_of
from peer.rtp.congestion import BitrateController, suitable_bitrate

CODECS = {"h264": "H264", "vp8": "VP8"}
PROFILES = {"Baseline", "Constrained Baseline", "Main", "High"}
"""Of H264: what browsers decode, whatever profile was agreed on."""
RATE_SECONDS = 2.0
WASTE = 2
"""So many times the rate that suits its pictures is too much for a film, unless the user allows it."""
SPARE = 1.25
"""How much more than its target a sender bears, since a film can't be told to take less."""


@runtime_checkable
class CodedTrack(Protocol):
    """A track that may have its pictures coded already."""

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """Packets of this codec ("VP8" or "H264") are welcome, with at most `most` bit/s; no codec: frames only.

        The track still gives frames where it has to, and begins packets with a keyframe.
        """

    def ask_keyframe(self) -> None:
        """The partner lost something: the next picture should need no other."""

    @property
    def is_coded(self) -> bool:
        """Whether it has packets for the right codec."""


class CodedWrapper:
    """What a track around another one inherits, to hand on what its sender asks for."""

    _below: object = None
    """The track inside."""

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """See `CodedTrack`."""
        if isinstance(self._below, CodedTrack):
            self._below.pass_coded(codec, most)

    def ask_keyframe(self) -> None:
        """See `CodedTrack`."""
        if isinstance(self._below, CodedTrack):
            self._below.ask_keyframe()

    @property
    def is_coded(self) -> bool:
        """See `CodedTrack`."""
        return is_coded(self._below)


def is_coded(track: object) -> bool:
    """Whether a track has packets for the right codec."""
    return isinstance(track, CodedTrack) and track.is_coded


@dataclass(slots=True)
class CodedWish:
    """What the sender of a film's pictures wants. Set on the event loop, read by the thread that reads the film."""

    codec: str | None = None
    keyframe: bool = False
    since: float | None = None
    """With a keyframe: from when on pictures are wanted that have passed already, on the film's own clock."""


@dataclass(frozen=True)
class Coded:
    """How the pictures of a film are coded, as far as that is fit to be sent."""

    codec: str
    size: tuple[int, int]  # width, height
    fps: float  # 0 where it is not known
    bitrate: int  # bit/s; 0 where it is not known

    def fits(self, size: tuple[int, int], fps: float, most: int | None) -> bool:
        """Whether it is within these limits, `most` in bit/s; without one, up to what would be a waste."""
        most = most or WASTE * suitable_bitrate(*self.size, self.fps or 30)
        return self.size[0] <= size[0] and self.size[1] <= size[1] and self.fps <= fps + 0.5 and self.bitrate <= most


def unfit(stream: av.VideoStream, packets: list[Packet], frame: av.VideoFrame) -> str | None:
    """Why a film's pictures can't be sent as they are, by its first packets and picture; None if they can."""
    context = stream.codec_context
    reasons = {
        f"browsers take no {context.name}": context.name not in CODECS,
        f"its pictures are {frame.format.name} of {frame.width}x{frame.height}": (
            frame.format.name != "yuv420p" or frame.width % 2 or frame.height % 2
        ),
        "its pictures have to be turned or stretched": (
            orientation_of(frame) != UPRIGHT or (stream.sample_aspect_ratio or 1) != 1
        ),
        f"its profile is {context.profile}": context.name == "h264" and context.profile not in PROFILES,
        "its pictures are coded in another order than they are shown, or interlaced": (
            context.has_b_frames or frame.interlaced_frame or not in_order(packets)
        ),
        "it has pictures that are never shown": context.name == "vp8" and not all(map(is_shown, packets)),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def in_order(packets: list[Packet]) -> bool:
    """Whether each is shown after the one before."""
    times = [packet.pts for packet in packets if packet.pts is not None]  # a stream's first may have none yet
    return all(a < b for a, b in itertools.pairwise(times))


def time_of(packet: Packet) -> float | None:
    """When its picture is shown, in seconds on the clock of its film."""
    return None if packet.pts is None or packet.time_base is None else float(packet.pts * packet.time_base)


def is_shown(packet: Packet) -> bool:
    """Whether a VP8 picture is shown (RFC 6386 §9.1); others are there to be referred to."""
    return packet.size == 0 or bool(bytes(packet)[0] & 0x10)


class Overrun:
    """Tells when packets that pass take more than the link bears. Times in seconds, rates in bit/s."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, int]] = deque()
        self._bits = 0

    def add(self, bits: int, controller: BitrateController, now: float) -> bool:
        """Count a packet; whether what was sent lately is too much."""
        self._sent.append((now, bits))
        self._bits += bits
        while now - self._sent[0][0] > RATE_SECONDS:
            self._bits -= self._sent.popleft()[1]
        return controller.is_narrow and self._bits > SPARE * controller.target * RATE_SECONDS


class Passage:
    """A sender's side of it: offers its tracks to pass what they have coded, and watches what they then give."""

    def __init__(self, controller: BitrateController) -> None:
        self._controller = controller
        self._track: object = None
        self._overrun = Overrun()
        self._was_packet = False

    def offer(self, track: object, codec: str) -> None:
        """Before a frame is taken from this track: the codec that was agreed on."""
        if track is not self._track:
            self._track = track
            if isinstance(track, CodedTrack):
                track.pass_coded(codec, self._controller.limit)

    def note(self, data: object, now: float) -> bool:
        """What the track gave; whether it has to be coded as a keyframe, because what went before was not ours."""
        was_packet, self._was_packet = self._was_packet, isinstance(data, av.Packet)
        too_much = isinstance(data, av.Packet) and self._overrun.add(8 * data.size, self._controller, now)
        if too_much and isinstance(self._track, CodedTrack):
            self._track.pass_coded(None, None)
        return was_packet and not self._was_packet

    def ask_keyframe(self) -> None:
        """The partner lost something."""
        if isinstance(self._track, CodedTrack):
            self._track.ask_keyframe()
