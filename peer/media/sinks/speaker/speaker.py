"""Plays the partner's sound: the sink behind `--play`."""

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Self

from peer.background import start_thread
from peer.errors import MediaError
from peer.media.base.sound import RATE, Resampler
from peer.media.base.source import Notify
from peer.media.base.threads import call_on_loop
from peer.media.sinks.speaker.playback import Playback
from peer.media.sinks.speaker.speakers import Output, open_speaker

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

PIECE = RATE // 100
RETRY = 2.0  # seconds between tries to open a speaker that is gone
FAREWELL = 2.0  # seconds that a device is given to let go


class Speaker:
    """Plays calls on one device, from a thread that the device's clock drives; between calls it is silent.

    A speaker that is unplugged is told once, and taken back when it returns.
    """

    @classmethod
    async def open(cls, name: str, notify: Notify) -> Self:
        """The speaker with this name, as `speakers` has it. Raises MediaError when it can't be opened."""
        return cls(name, await asyncio.to_thread(open_speaker, name), notify)

    def __init__(self, name: str, output: Output, notify: Notify) -> None:
        """Play on `output`, and when that fails, on what `open_speaker(name)` then gives."""
        self._name = name
        self._notify = notify
        self._loop = asyncio.get_running_loop()
        self._resampler = Resampler()
        self._playback = Playback()
        self._changed = threading.Condition()
        self._playing = False
        self._closing = False
        self._output: Output | None = output
        self._thread = start_thread(self._run, "the speaker")

    def begin_call(self, kinds: frozenset[str]) -> None:
        """Play from now on."""
        self._switch(playing="audio" in kinds)

    def on_video(self, frame: "av.VideoFrame") -> None:
        """Speakers show nothing."""

    def on_audio(self, frame: "av.AudioFrame") -> None:
        """Queue sound: a fraction of a second at most."""
        samples = self._resampler.samples(frame)
        with self._changed:
            self._playback.add(samples)

    def end_call(self) -> None:
        """Be silent."""
        self._switch(playing=False)

    async def close(self) -> None:
        """Let go of the device."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, FAREWELL)

    def _switch(self, *, playing: bool) -> None:
        with self._changed:
            self._playing = playing
            self._playback.clear()
            self._changed.notify()

    def _run(self) -> None:
        while not self._closing:
            with self._changed:
                if not self._playing:
                    self._changed.wait()
                    continue
                samples = self._playback.take(PIECE)
            try:
                if self._output is not None:
                    self._output.write(samples)
                    continue
            except OSError as error:
                self._lose(error)
            self._look_for_it()
        if self._output is not None:
            self._output.close()

    def _lose(self, error: OSError) -> None:
        logger.debug("the speaker failed", exc_info=True)
        if self._output is not None:
            self._output.close()
        self._output = None
        call_on_loop(self._loop, self._notify, f"the speaker is gone ({error.strerror or error}); the call goes on")

    def _look_for_it(self) -> None:
        """Try to open it again after a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, RETRY)
            if self._closing:
                return
        try:
            self._output = open_speaker(self._name)
        except MediaError:
            return
        with self._changed:
            self._playback.clear()
        call_on_loop(self._loop, self._notify, "the speaker is back")
