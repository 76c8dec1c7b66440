"""Strict JSON objects, and where in the text their members stand. No I/O.

Strict means: no NaN and no Infinity, which Python's json takes and browsers refuse, no number beyond the range of a
double. Who knows where a value stands can pass its text on as it came, without encoding the value anew.
"""

import json
import math
import re
from array import array
from itertools import accumulate
from typing import Any, NoReturn, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where the text of a value begins, and where it ends."""


def parse_object(text: str) -> tuple[dict[str, Any], dict[str, Span]] | None:
    """Read an object: its members, and where their values stand. Of members with one name the last counts.

    None for JSON that is no object. Raises `ValueError` for what is no strict JSON, which an integer of thousands of
    digits is not, and `RecursionError` for some hundreds of brackets in each other.
    """
    opening = _OPENING.match(text)
    if opening is None:
        _decoder.decode(text)
        return None
    fields: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    at, bracket = opening.end(), opening[1]
    while bracket != "}":
        name, start = _name(text, at)
        fields[name], end = _decoder.raw_decode(text, start)
        spans[name] = start, end
        after = _AFTER.match(text, end)
        if after is None:
            raise ValueError("after a member comes a comma, or the end")
        at, bracket = after.end(), after[1]
    if at != len(text):
        raise ValueError("something follows the object")
    return fields, spans


def _name(text: str, at: int) -> tuple[str, int]:
    """Read a member's name and its colon. Returns where the value begins, too."""
    plain = _PLAIN_NAME.match(text, at)
    if plain is not None:  # almost always
        return plain[1], plain.end()
    name, end = _decoder.raw_decode(text, at)
    colon = _COLON.match(text, end)
    if colon is None or not isinstance(name, str):
        raise ValueError("a member is a name, a colon and a value")
    return name, colon.end()


def is_nested_deeper(text: str, limit: int) -> bool:
    """Whether valid JSON has more than `limit` arrays and objects in each other.

    Looks at the text only: to walk through the values takes several times as long as to decode them did.
    """
    if text.count("[") + text.count("{") <= limit:  # almost always
        return False
    unescaped = text.replace("\\\\", "").replace('\\"', "")
    outside_strings = "".join(unescaped.split('"')[::2])
    steps = array("b", outside_strings.encode().translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > limit


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


_decoder = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite_float)

# Each takes the space around it (RFC 8259, section 2).
_OPENING = re.compile(r"[ \t\n\r]*\{[ \t\n\r]*(\}?)[ \t\n\r]*")
_PLAIN_NAME = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_AFTER = re.compile(r"[ \t\n\r]*([,}])[ \t\n\r]*")

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # one level down, or as a signed byte -1: one up
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
