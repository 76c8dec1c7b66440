"""A WebRTC peer in pure Python: the other end of a browser video call.

    async with Peer(role="answerer", room="lab") as peer:
        async for frame in peer.video_frames():
            picture = frame.to_ndarray(format="bgr24")

`Peer` and `FrameSource` are loaded when they are first asked for: they bring aiortc and av with
them; `peer --help` does without.
"""

from typing import TYPE_CHECKING, Any

from peer.errors import (
    ConnectTimeoutError,
    ExitCode,
    MediaError,
    NegotiationError,
    NotAdmittedError,
    PeerError,
    SignalingError,
    UsageError,
)

if TYPE_CHECKING:
    from peer.config import PeerOptions
    from peer.media.sources.framesource import FrameSource
    from peer.peer import Peer

__all__ = [
    "ConnectTimeoutError",
    "ExitCode",
    "FrameSource",
    "MediaError",
    "NegotiationError",
    "NotAdmittedError",
    "Peer",
    "PeerError",
    "PeerOptions",
    "SignalingError",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    if name == "Peer":
        from peer.peer import Peer  # noqa: PLC0415

        return Peer
    if name == "FrameSource":
        from peer.media.sources.framesource import FrameSource  # noqa: PLC0415

        return FrameSource
    if name == "PeerOptions":
        from peer.config import PeerOptions  # noqa: PLC0415

        return PeerOptions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
