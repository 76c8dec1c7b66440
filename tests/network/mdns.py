"""What a browser answers when somebody asks, by multicast, for a name that it hides its address behind."""

import socket
import struct

NAME = "5fe0ffd5-a2af-4580-b54a-267e04ba18b8.local"
GROUP, PORT = "224.0.0.251", 5353


def answer(address: str) -> bytes:
    """As Chromium: NAME's address, and an NSEC record whose name is a pointer to the first (RFC 6762 §18.14)."""
    label, top = NAME.encode().split(b".")
    name = bytes([len(label)]) + label + bytes([len(top)]) + top + b"\0"
    header = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 1)
    record = name + struct.pack("!HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(address)
    next_name = 0xC000 | (len(header) + len(record))
    return header + record + name + struct.pack("!HHIHHBBB", 47, 0x8001, 120, 5, next_name, 0, 1, 0x40)
