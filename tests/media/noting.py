"""What people were told, for the tests to wait for."""

import asyncio


class Notes(list[str]):
    """Collects what is told to people: pass `notes.append` as notify."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def append(self, line: str) -> None:
        super().append(line)
        self._changed.set()

    async def wait(self, count: int) -> None:
        """Return when there are so many lines."""
        async with asyncio.timeout(30):
            while len(self) < count:
                self._changed.clear()
                await self._changed.wait()
