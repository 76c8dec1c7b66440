"""A picture that stays: a photograph, a cover, a film of one picture. It is converted once, and sent on and on."""

import dataclasses
from collections.abc import Iterator

import av

from peer.media.base.pictures import copied
from peer.media.sources.film.playout import Playout, Ready

FPS = 10.0
"""Unless another rate is asked for: so soon a partner who lost something, or came late, has the picture."""


def held(frames: Iterator[tuple[str, Ready]], fps: float) -> Iterator[tuple[str, Ready]]:
    """A film's frames, with its last picture again and again while only sound comes."""
    last: Ready | None = None
    for kind, ready in frames:
        if kind == "video":
            last = ready
        while kind == "audio" and last is not None and ready.time - last.time >= 1 / fps:
            last = again(last, fps)
            yield "video", last
        yield kind, ready


def again(still: Ready, fps: float) -> Ready:
    """The same picture in memory of its own, as its next time: an encoder may be at work on the one before."""
    content = copied(still.content) if isinstance(still.content, av.VideoFrame) else still.content
    return dataclasses.replace(still, time=still.time + 1 / fps, content=content)


def show_on(still: Ready, fps: float, playout: Playout) -> None:
    """Give a picture for as long as anybody listens. Blocks; for the thread that reads the film."""
    playout.finish("audio")
    while playout.wants("video"):
        still = again(still, fps)
        playout.put("video", still)
