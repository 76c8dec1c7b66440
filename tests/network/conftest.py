"""Fixtures for tests on real networks."""

from collections.abc import Iterator

import pytest

from tests.network.namespaces import Network


@pytest.fixture
def network() -> Iterator[Network]:
    """An empty network, removed after the test."""
    with Network() as network:
        yield network
