"""Whatever a partner sends ends its own negotiation at most: the process goes on, and the next good offer works.

The programs run in a network namespace that has one link and no route: nothing leaves it, whatever address a mutation
makes up. PEER_FUZZ sets how many descriptions are tried.
"""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.network.namespaces import Namespace, Network

EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))
PATIENCE = 100 + 3 * EXAMPLES


@pytest.fixture
def alone() -> Iterator[Namespace]:
    """A host with an address, and nobody to talk to."""
    with Network() as network:
        host, other = network.namespace("host"), network.namespace("other")
        network.link(host, other, ["10.1.0.1/24"], ["10.1.0.2/24"])
        yield host


@pytest.mark.timeout(PATIENCE + 20)
@pytest.mark.parametrize(("python", "examples"), [(["-O"], 8), ([], 20)], ids=["optimized", "plain"])
@pytest.mark.parametrize("kind", ["offer", "answer"])
def test_a_hostile_description_is_refused_in_a_line_or_works(
    alone: Namespace, kind: str, python: list[str], examples: int
) -> None:
    program = [sys.executable, *python, "-m", "tests.peer.hostile_program", kind, str(EXAMPLES or examples)]
    assert "'up'" in alone.run(*program, timeout=PATIENCE)


@pytest.mark.timeout(PATIENCE + 20)
@pytest.mark.parametrize("python", [["-O"], []], ids=["optimized", "plain"])
def test_a_peer_outlives_a_hostile_partner(alone: Namespace, python: list[str]) -> None:
    told = alone.run(sys.executable, *python, "-m", "tests.peer.hostile_room", timeout=PATIENCE)
    assert [line.split(":")[0] for line in told.splitlines()] == ["offerer", "answerer"]
