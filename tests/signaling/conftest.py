import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest
from wire import Client, client_of

from signaling.config import RelayConfig
from signaling.relay import Relay

Connect = Callable[..., AbstractAsyncContextManager[Client]]


def ignore(line: str) -> None:
    """What the relay tells whoever runs it."""


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a stranger does, a relay has no reason to complain, or asyncio about it."""
    yield
    complaints = [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    assert not complaints


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay with the defaults, on a free port."""
    async with Relay(RelayConfig(port=0), on_refused=ignore) as relay:
        yield relay


@pytest.fixture
async def start_relay() -> AsyncIterator[Callable[..., Any]]:
    """Start relays with other limits than the defaults."""
    async with AsyncExitStack() as stack:

        async def start(*, on_refused: Callable[[str], None] = ignore, **config: Any) -> Relay:
            return await stack.enter_async_context(Relay(RelayConfig(**{"port": 0, **config}), on_refused=on_refused))

        yield start


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[Callable[..., Any]]:
    """Make clients of `relay`."""
    async with AsyncExitStack() as stack:

        async def make(path: str = "/", **options: Any) -> Client:
            return await stack.enter_async_context(client_of(relay.url + path, **options))

        yield make
