"""A short form of `make soak`."""

from tests.soak import ALLOWED_MIB, soak


async def test_a_slow_program_does_not_make_memory_grow() -> None:
    result = await soak(20.0)
    assert result.dropped > 5 * result.read
    assert len(result.resident) > 5
    assert result.growth < ALLOWED_MIB
