"""The partner's frames for programs: what is behind `Peer.video_frames()` and `Peer.audio_frames()`."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    import av

FrameT = TypeVar("FrameT")


class FrameStream(Generic[FrameT]):
    """An asynchronous iterator over frames that never holds more than `limit` of them.

    When the program that reads is slow, the oldest frames are dropped, and counted in `dropped`. A limit of 1
    always gives the newest frame. The iteration goes on from call to call, and ends when the peer closes.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a stream of frames must hold at least 1, not {limit}")
        self._frames: deque[FrameT] = deque(maxlen=limit)
        self._changed = asyncio.Event()  # set when there is a frame, or no more will come
        self._closed = False
        self.dropped = 0

    def put(self, frame: FrameT) -> None:
        """Add a frame, in place of the oldest when there is no room."""
        if self._closed:
            return
        if len(self._frames) == self._frames.maxlen:
            self.dropped += 1
        self._frames.append(frame)
        self._changed.set()

    def close(self) -> None:
        """End the iteration, after the frames that are waiting."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FrameT:
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft()


class FrameSink:
    """A sink that hands the partner's frames to any number of streams.

    A stream that its reader has let go of is forgotten, so leaving an `async for` early costs nothing.
    """

    def __init__(self) -> None:
        self._video: WeakSet[FrameStream[av.VideoFrame]] = WeakSet()
        self._audio: WeakSet[FrameStream[av.AudioFrame]] = WeakSet()
        self._closed = False

    def video_frames(self, limit: int = 1) -> "FrameStream[av.VideoFrame]":
        """The pictures from now on: by default always the newest, for programs that look at them."""
        return self._added(self._video, FrameStream(limit))

    def audio_frames(self, limit: int = 50) -> "FrameStream[av.AudioFrame]":
        """The sound from now on: by default up to 50 frames of 20 ms wait for a slow reader."""
        return self._added(self._audio, FrameStream(limit))

    def _added(self, streams: WeakSet[FrameStream[FrameT]], stream: FrameStream[FrameT]) -> FrameStream[FrameT]:
        streams.add(stream)
        if self._closed:
            stream.close()
        return stream

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Streams go on from call to call: nothing to do."""

    def on_video(self, frame: "av.VideoFrame") -> None:
        """Hand a picture to all streams."""
        for stream in self._video:
            stream.put(frame)

    def on_audio(self, frame: "av.AudioFrame") -> None:
        """Hand a piece of sound to all streams."""
        for stream in self._audio:
            stream.put(frame)

    def end_call(self) -> None:
        """Streams go on from call to call: nothing to do."""

    async def close(self) -> None:
        """End all streams."""
        self.end()

    def end(self) -> None:
        """End all streams, after the frames that are waiting: no more will come."""
        self._closed = True
        for pictures in self._video:
            pictures.close()
        for sounds in self._audio:
            sounds.close()
