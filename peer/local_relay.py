"""A relay inside this process, for when none was named and none is there: the only place where a peer runs one."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from peer.config import PeerOptions
from peer.errors import SignalingError

if TYPE_CHECKING:
    from signaling.relay import Relay


class LocalRelay:
    """The bundled relay, listening at a `ws://localhost:PORT` address."""

    def __init__(self, url: str, options: PeerOptions, notify: Callable[[str], None]) -> None:
        self._port = urlsplit(url).port or 80
        self._options = options
        self._notify = notify
        self._relay: Relay | None = None

    async def __aenter__(self) -> Self:
        from signaling.config import RelayConfig  # noqa: PLC0415  # most peers use a relay that is there already
        from signaling.relay import Relay, RelayStartError  # noqa: PLC0415

        config = RelayConfig(port=self._port, allowed_origins=self._options.allow_origins)
        self._relay = Relay(config, on_refused=self._notify)
        try:
            await self._relay.__aenter__()
        except RelayStartError as error:
            raise SignalingError(f"no relay was there, and none can be started: {error}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._relay is not None:
            await self._relay.__aexit__(kind, error, traceback)
