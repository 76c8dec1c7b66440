"""What can be read in an Opus packet without decoding it (RFC 6716 §3)."""


def lost_packet(previous: bytes) -> bytes:
    """A packet that stands for one that was lost after `previous`, with as much sound as one of its frames.

    It is a table-of-contents byte for one frame, and no frame: an Opus decoder then makes up sound that goes on from
    the last (RFC 6716 §4.4), fading as more of them follow.
    """
    return bytes([previous[0] & 0xFC])
