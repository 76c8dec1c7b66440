"""Notices that the machine's addresses changed: a cable, a Wi-Fi, a VPN came or went."""

import asyncio
from collections.abc import Callable

from peer._aiortc import host_addresses

POLL_SECONDS = 1.0
"""Looking takes less than a millisecond; no way of being told works on all systems."""


async def watch_addresses(on_change: Callable[[frozenset[str]], None]) -> None:
    """Until cancelled: call `on_change` with the present addresses whenever they are others than before."""
    known = host_addresses()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        now = host_addresses()
        if now != known:
            known = now
            on_change(now)
