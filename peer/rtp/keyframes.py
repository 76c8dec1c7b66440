"""Tells from a packet's payload whether a picture that needs no other begins with it."""


def starts_keyframe(codec: str, payload: bytes) -> bool:
    """Whether the RTP payload of this codec ("VP8" or "H264") is the first of a keyframe."""
    return _vp8(payload) if codec == "VP8" else _h264(payload)


def _vp8(payload: bytes) -> bool:
    """RFC 7741 §4.2 and §4.3: the first packet of partition 0, with the inverse keyframe bit 0."""
    if not payload or not payload[0] & 0x10 or payload[0] & 0x07:
        return False
    position = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return False
        flags = payload[1]
        position = 2
        if flags & 0x80:
            position += 2 if len(payload) > 2 and payload[2] & 0x80 else 1
        position += bool(flags & 0x40) + bool(flags & 0x30)
    return len(payload) > position and not payload[position] & 0x01


def _h264(payload: bytes) -> bool:
    """RFC 6184 §5: a sequence parameter set, or an IDR slice that stands without one."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == 24:  # STAP-A: a delimiter or other information may come first (§5.7.1)
        position = 1
        while position + 2 < len(payload):
            if payload[position + 2] & 0x1F in (5, 7):
                return True
            position += 2 + int.from_bytes(payload[position : position + 2])
        return False
    if kind == 28:  # FU-A
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F in (5, 7)
    return kind in (5, 7)
