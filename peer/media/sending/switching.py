"""A track whose content can change while it is sent: another source, or nothing, in the place of the one before."""

import asyncio
import time
from typing import Any

from aiortc import MediaStreamError, MediaStreamTrack

from peer.media.base.codedtrack import CodedWrapper

STEP = 0.001  # seconds between two frames, at least, where a source's clock would go back


class SwitchedTrack(CodedWrapper, MediaStreamTrack):
    """What `RTCRtpSender.replaceTrack` does (W3C webrtc-pc §5.2), on one clock: a receiver sees time go on.

    When its content ends, it waits for other content, until it is stopped.
    """

    def __init__(self, content: MediaStreamTrack) -> None:
        super().__init__()
        self.kind = content.kind
        self._content: MediaStreamTrack | None = content
        self._below = content
        self._coded: tuple[str | None, int | None] = None, None  # what the sender said to the content before
        self._changed = asyncio.Event()
        self._offset: float | None = 0.0  # seconds from the content's clock to ours; None until its first frame
        self._start: float | None = None  # when our clock was 0; set by the first frame
        self._last = float("-inf")

    def switch_to(self, content: MediaStreamTrack | None) -> None:
        """Go on with another track of this kind, or with none. The one before is stopped."""
        before, self._content = self._content, content
        self._below = content
        super().pass_coded(*self._coded)
        self._offset = None
        self._changed.set()
        if before is not None:
            before.stop()

    async def recv(self) -> Any:
        """The next frame or packet of what it holds now."""
        while self.readyState == "live":
            content = self._content
            if content is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                data = await content.recv()
            except MediaStreamError:
                if self._content is content:
                    self._content = None
                continue
            if self._content is content:
                return self._timed(data)
        raise MediaStreamError

    def pass_coded(self, codec: str | None, most: int | None) -> None:
        """See `CodedTrack`; it holds for other content, too."""
        self._coded = codec, most
        super().pass_coded(codec, most)

    def stop(self) -> None:
        """End it, and what it holds."""
        super().stop()
        if self._content is not None:
            self._content.stop()
        self._changed.set()

    def _timed(self, data: Any) -> Any:
        """The same with its time on our clock."""
        if data.pts is None or not data.time_base:
            return data
        now = time.monotonic()
        moment = float(data.pts * data.time_base)
        if self._start is None:
            self._start = now - moment
        if self._offset is None or moment + self._offset <= self._last:
            self._offset = max(now - self._start, self._last + STEP) - moment
        if self._offset:
            data.pts += round(self._offset / data.time_base)
        self._last = moment + self._offset
        return data
