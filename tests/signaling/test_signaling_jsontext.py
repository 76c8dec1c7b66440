"""Payloads pass as text: whatever JSON comes in, the same comes out, and nothing else ever does."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_signaling_messages import json_values, strict_json

from signaling.jsontext import is_nested_deeper, parse_object
from signaling.messages import Forward, MessageError, parse_from_client, serialize_to_client

spaces = st.text(" \t\n\r", max_size=2)
writings = st.builds(
    json.JSONEncoder,
    ensure_ascii=st.booleans(),
    indent=st.none() | st.sampled_from([0, 1, "\t"]),
    separators=st.sampled_from([(",", ":"), (" , ", " : ")]),
).map(lambda encoder: encoder.encode)


def reference(text: str) -> Any:
    """Read JSON by the standard library alone; raises ValueError for NaN and numbers beyond a double, too."""
    json.dumps(value := json.loads(text), allow_nan=False)
    return value


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def forwarded(text: str) -> str:
    message = parse_from_client(text)
    assert isinstance(message, Forward)
    return serialize_to_client(message)


@given(json_values, writings, st.lists(spaces, min_size=9, max_size=9), st.booleans())
def test_what_is_forwarded_is_what_came(value: object, write: Any, space: list[str], payload_first: bool) -> None:
    payload = write(value)
    members = [f'"type"{space[0]}:{space[1]}"offer"', f'"payload"{space[2]}:{space[3]}{payload}']
    first, second = reversed(members) if payload_first else members
    text = f"{space[4]}{{{space[5]}{first}{space[6]},{space[7]}{second}{space[8]}}}"
    assert parse_from_client(text) == Forward("offer", value)
    assert forwarded(text) == f'{{"type":"offer","payload":{payload}}}'
    assert strict_json(forwarded(text)) == {"type": "offer", "payload": value}


@given(st.text('[]{}",:\\u0-9.eE+ \n\x00ab', max_size=30) | json_values.map(json.dumps))
def test_no_text_breaks_out_of_its_message(payload: str) -> None:
    """Whatever stands where the payload should, what is forwarded reads like what came, or nothing is forwarded."""
    text = f'{{"type":"offer","payload":{payload}}}'
    try:
        expected = reference(text)
    except ValueError:
        with pytest.raises(MessageError):
            parse_from_client(text)
        return
    if expected.get("type") == "offer":
        assert strict_json(forwarded(text)) == {"type": "offer", "payload": expected["payload"]}


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('{"type":"offer","payload":1.50E+2}', "1.50E+2"),
        ('{"type":"offer","payload":-0}', "-0"),
        ('{"type":"offer","payload":12345678901234567890}', "12345678901234567890"),
        ('{"type":"offer","payload":"\\ud800"}', '"\\ud800"'),
        ('{"type":"offer","payload":"\u2028\U0001f3a5\x7f"}', '"\u2028\U0001f3a5\x7f"'),
        ('{"type":"offer","payload":{"a":1,"a":2}}', '{"a":1,"a":2}'),
        ('{"payload":[1],"type":"offer","payload":[2]}', "[2]"),
        ('{"type":"join","payload":{"payload":1},"type":"offer"}', '{"payload":1}'),
        ('{"\\u0074ype":"offer","pay\\u006coad":"}"}', '"}"'),
        (' {"type":"offer","payload": { "sdp" : "v=0" } \r\n}\n', '{ "sdp" : "v=0" }'),
    ],
)
def test_the_payload_stays_as_it_was_written(text: str, payload: str) -> None:
    assert forwarded(text) == f'{{"type":"offer","payload":{payload}}}'


@given(st.recursive(st.text('[{"\\}]', max_size=4) | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_depth_is_counted_outside_of_strings(value: object) -> None:
    text = json.dumps(value)
    depth = depth_of(value)
    for limit in range(max(0, depth - 2), depth + 3):
        assert is_nested_deeper(text, limit) == (depth > limit)


@given(st.dictionaries(st.text(), json_values, max_size=5), writings)
@settings(max_examples=50)
def test_spans_are_where_the_values_stand(fields: dict[str, object], write: Any) -> None:
    text = write(fields)
    parsed = parse_object(text)
    assert parsed is not None
    assert parsed[0] == fields
    assert {name: json.loads(text[slice(*span)]) for name, span in parsed[1].items()} == fields


@pytest.mark.parametrize("text", ["[]", "1", '"{}"', "null", " [{}] "])
def test_what_is_no_object_is_none(text: str) -> None:
    assert parse_object(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "}", "{}}", "{,}", '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}', '{"a":1}{', '{1:2}', '{"a":1}\x0c',
     '{"a":"\n"}', '{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', '{"a":01}', '\xa0{}', "{'a':1}", '{null:1}'],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    for read in reference, parse_object:
        with pytest.raises(ValueError, match=r"."):
            read(text)
