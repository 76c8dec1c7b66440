"""A connection that tells when connecting fails."""

from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection

from peer._aiortc.scope import STOCK


class TellingConnection(RTCPeerConnection):
    """aiortc's connection, except that what it raises between two descriptions and the first packet gets to somebody.

    Upstream connects in a task that nobody awaits: `RTCPeerConnection.__connect`. What a partner's description can make
    it raise there would end in a traceback on the terminal, and in a call that never comes up.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_broken: Callable[[Exception], None] = lambda error: None
        """Called with what connecting raised."""

    async def _RTCPeerConnection__connect(self) -> None:  # noqa: N802 upstream's name
        try:
            await super()._RTCPeerConnection__connect()  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 it is told, not swallowed
            self.on_broken(error)


def peer_connection(*args: Any) -> RTCPeerConnection:
    """A connection that tells; with PEER_STOCK_AIORTC=1, aiortc's own."""
    return RTCPeerConnection(*args) if STOCK else TellingConnection(*args)
