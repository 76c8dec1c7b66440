"""Where requests and frames end in a stream of bytes. No I/O.

The library reads all that it is given at once, and answers every ping in it, before anybody can count. So it is given
one piece at a time.
"""

END_OF_LINE = b"\r\n"
MASKED = 0x80
MASK_BYTES = 4
"""All that clients send is masked."""


class Pieces:
    """What came and is not read yet: a request, then frames, each known by its head alone (RFC 6455, section 5.2)."""

    def __init__(self, max_payload: int) -> None:
        self._max_payload = max_payload
        self._unread = bytearray()

    def __len__(self) -> int:
        """How many bytes are unread."""
        return len(self._unread)

    def feed(self, data: bytes | memoryview) -> None:
        """Add what came."""
        self._unread += data

    def clear(self) -> None:
        """Forget what is unread."""
        self._unread.clear()

    def next_request_lines(self) -> bytearray | None:
        """Take the lines of an HTTP request that are there, the empty one that ends it at most; None if none is."""
        if self._unread.startswith(END_OF_LINE):
            return self._take(len(END_OF_LINE))
        end = self._unread.find(END_OF_LINE * 2)
        size = end + 2 * len(END_OF_LINE) if end >= 0 else self._unread.rfind(b"\n") + 1
        return self._take(size) if size else None

    def next_frame(self) -> bytearray | None:
        """Take a frame; None until all of it is there. What will be refused by its head is not waited for."""
        unread = self._unread
        if len(unread) < 2:
            return None
        if not unread[1] & MASKED:
            return self._take(len(unread))
        head, payload = 2, unread[1] & ~MASKED
        if payload >= 126:
            head = 4 if payload == 126 else 10
            if len(unread) < head:
                return None
            payload = int.from_bytes(unread[2:head])
            if payload > self._max_payload:
                return self._take(len(unread))
        size = head + MASK_BYTES + payload
        return self._take(size) if len(unread) >= size else None

    def _take(self, size: int) -> bytearray:
        piece = self._unread[:size]
        del self._unread[:size]
        return piece
