"""What a call sent and received, in one typed snapshot."""

import time
from dataclasses import dataclass
from typing import Any

from aiortc import MediaStreamTrack, RTCStatsReport

from peer.events import StreamSummary
from peer.media.base.codedtrack import CodedWrapper


@dataclass(slots=True)
class Meter:
    """Counts the frames of one direction of a call."""

    video_frames: int = 0
    width: int = 0
    height: int = 0
    audio_frames: int = 0

    def count(self, kind: str, frame: Any) -> None:
        """Count a frame, or a packet that is sent as it is."""
        if kind == "audio":
            self.audio_frames += 1
            return
        self.video_frames += 1
        size = getattr(frame, "opaque", None) or (self.width, self.height)  # of a picture that was coded before
        self.width, self.height = getattr(frame, "width", size[0]), getattr(frame, "height", size[1])

    def summary(self, bytes_: int, seconds: float) -> StreamSummary:
        """The counts, and the rate of `bytes_` over `seconds`."""
        rate = round(bytes_ * 8 / 1000 / seconds, 1) if seconds > 0 else 0.0
        return StreamSummary(self.video_frames, self.width, self.height, self.audio_frames, rate)


class MeteredTrack(CodedWrapper, MediaStreamTrack):
    """A track that counts what is taken from it."""

    def __init__(self, track: MediaStreamTrack, meter: Meter) -> None:
        super().__init__()
        self.kind = track.kind
        self._track = self._below = track
        self._meter = meter

    async def recv(self) -> Any:
        """The next frame of the track below."""
        frame = await self._track.recv()
        self._meter.count(self.kind, frame)
        return frame

    def stop(self) -> None:
        """Stop the track below, too."""
        super().stop()
        self._track.stop()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Totals of a connection's transport (W3C webrtc-stats §8.17) and of what the partner reports."""

    at: float
    """Seconds on the monotonic clock."""
    bytes_sent: int = 0
    bytes_received: int = 0
    packets_lost: int = 0
    """Of those that we receive."""
    round_trip: float | None = None
    """Seconds, as the partner's receiver reports give it."""


def snapshot(report: RTCStatsReport) -> Snapshot:
    """Read aiortc's report, of which every entry is optional."""
    sent = received = lost = 0
    round_trip = None
    for entry in report.values():
        if entry.type == "transport":
            sent, received = entry.bytesSent, entry.bytesReceived
        elif entry.type == "inbound-rtp":
            lost += entry.packetsLost
        elif entry.type == "remote-inbound-rtp":
            round_trip = entry.roundTripTime
    return Snapshot(time.monotonic(), sent, received, lost, round_trip)
