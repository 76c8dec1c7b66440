"""What takes the partner's picture and sound: the shape of every sink."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from peer.events import Statistics
from peer.media.base.coded import CodedFeed, CodedMedia

if TYPE_CHECKING:
    import av


class Sink(Protocol):
    """A recorder, a window, a speaker or a program. It lives as long as the process and sees one call after another.

    All methods are called on the event loop. The frames are shared by all sinks: a sink must not change them.
    """

    def begin_call(self, kinds: frozenset[str]) -> None:
        """A partner is connected, and sends these kinds: "audio", "video"."""

    def on_video(self, frame: "av.VideoFrame") -> None:
        """Take a decoded picture, as it arrives. Must not block: hand it to a thread, and drop when that is behind."""

    def on_audio(self, frame: "av.AudioFrame") -> None:
        """Take a piece of decoded sound, as it arrives. Must not block either."""

    def end_call(self) -> None:
        """The partner is gone. Must not block; a call may begin again at once."""

    async def close(self) -> None:
        """Return when everything is on disk and all threads are gone. Idempotent."""


@runtime_checkable
class FiguresSink(Sink, Protocol):
    """A sink that shows a call's figures, too."""

    def on_figures(self, figures: Statistics) -> None:
        """Take the running call's figures, once a second."""


@runtime_checkable
class CodedSink(Sink, Protocol):
    """A sink that can also do with the partner's media as it was coded."""

    def takes_coded(self, feed: CodedFeed) -> bool:
        """Asked before each `begin_call`: whether `on_coded` is to get this call's media, and not the other two."""

    def on_coded(self, media: CodedMedia) -> None:
        """Take a coded picture or piece of sound, as it arrives. Must not block."""
