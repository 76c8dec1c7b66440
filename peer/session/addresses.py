"""Notices that the machine's addresses changed: a cable, a Wi-Fi, a VPN came or went."""

import asyncio
import logging
from collections.abc import Callable

from peer._aiortc import host_addresses

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Looking takes less than a millisecond; no way of being told works on all systems."""


async def watch_addresses(on_change: Callable[[frozenset[str]], None]) -> None:
    """Until cancelled: call `on_change` with the present addresses whenever they are others than before."""
    known = _addresses()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        now = _addresses()
        if now is not None and now != known:
            known = now
            on_change(now)


def _addresses() -> frozenset[str] | None:
    """None when the system does not tell them now, such as for want of a file descriptor."""
    try:
        return host_addresses()
    except OSError:
        logger.debug("the machine's addresses can't be had", exc_info=True)
        return None
