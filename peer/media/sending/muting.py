"""A track that can be muted: its frames go on, black or silent, so that a partner sees black, and not a still."""

from collections.abc import Callable
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack

from peer.media.base.codedtrack import CodedWrapper
from peer.media.base.pictures import black
from peer.media.base.sound import BLOCK, block_frame

BLACK_SECONDS = 0.2  # between two black pictures
SIZE = (640, 360)  # of a black picture in place of a coded one, whose size is not known


class MutableTrack(CodedWrapper, MediaStreamTrack):
    """Another track, or black and silence in the same rhythm."""

    def __init__(self, track: MediaStreamTrack, is_muted: Callable[[], bool]) -> None:
        super().__init__()
        self.kind = track.kind
        self._track = self._below = track
        self._is_muted = is_muted
        self._black_at: float | None = None  # the time of the last black picture; None while it is not muted
        self._size = SIZE

    async def recv(self) -> Any:
        """The next frame or packet, or one that says nothing."""
        while True:
            data = await self._track.recv()
            if isinstance(data, av.VideoFrame):
                self._size = data.width, data.height
            elif isinstance(data, av.Packet) and isinstance(data.opaque, tuple):
                self._size = data.opaque
            if not self._is_muted():
                if self._black_at is not None and isinstance(data, av.Packet) and not data.is_keyframe:
                    self.ask_keyframe()
                    continue  # coded pictures can go on only with one that needs no other
                self._black_at = None
                return data
            nothing = _silence() if self.kind == "audio" else self._black(data)
            if nothing is not None:
                nothing.pts, nothing.time_base = data.pts, data.time_base
                return nothing

    def _black(self, data: Any) -> av.VideoFrame | None:
        moment = float((data.pts or 0) * (data.time_base or 0))
        if self._black_at is not None and 0 <= moment - self._black_at < BLACK_SECONDS:
            return None
        self._black_at = moment
        return black(*self._size)

    def stop(self) -> None:
        """End it, and the track below."""
        super().stop()
        self._track.stop()


def _silence() -> av.AudioFrame:
    return block_frame(np.zeros((BLOCK, 2), np.int16))
