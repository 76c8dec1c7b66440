"""The messages of the protocol: what is taken, what is refused, and how they look on the wire."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.messages import (
    MAX_NAME_CHARACTERS,
    MAX_NESTING,
    Error,
    Forward,
    Join,
    Joined,
    Leave,
    MessageError,
    PeerDisconnected,
    Ping,
    Pong,
    Ready,
    Role,
    Welcome,
    parse_from_client,
    parse_from_relay,
    printable,
    serialize_to_client,
    serialize_to_relay,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
names = st.text(min_size=1, max_size=MAX_NAME_CHARACTERS)
roles = st.sampled_from(Role)
forwards = st.builds(Forward, st.sampled_from(["offer", "answer", "ice-candidate"]), json_values)
client_messages = st.one_of(
    forwards,
    st.builds(Join, roles, room=st.none() | names, token=st.none() | names, resume=st.none() | names),
    st.just(Ping()),
    st.just(Leave()),
)
relay_messages = st.one_of(
    forwards,
    st.builds(Welcome, names, st.text()),
    st.builds(
        Joined,
        names,
        roles,
        st.text(),
        st.none() | st.lists(st.dictionaries(st.text(), json_values)).map(tuple),
        st.none() | names,
    ),
    st.builds(Ready, st.text()),
    st.builds(PeerDisconnected, st.text()),
    st.just(Pong()),
    st.builds(Error, st.text(), st.none() | names),
)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def strict_json(text: str) -> Any:
    """Read JSON as a browser does, which knows no NaN."""
    return json.loads(text, parse_constant=refuse_constant)


class TestRoundTrips:
    @given(client_messages)
    def test_what_a_client_writes_a_relay_reads(self, message: Any) -> None:
        text = serialize_to_relay(message)
        assert text.isascii()
        assert strict_json(text)["type"]
        assert parse_from_client(text) == message

    @given(relay_messages)
    def test_what_a_relay_writes_a_client_reads(self, message: Any) -> None:
        text = serialize_to_client(message)
        assert text.isascii()
        assert strict_json(text)["type"]
        assert parse_from_relay(text) == message

    @given(relay_messages)
    def test_a_reply_has_its_data_at_the_top_level_and_in_the_payload(self, message: Any) -> None:
        fields = strict_json(serialize_to_client(message))
        if isinstance(message, Forward):
            assert fields == {"type": message.kind, "payload": message.payload}
        elif isinstance(message, Pong):
            assert fields == {"type": "pong"}
        else:
            data = fields["payload"]
            assert fields == {"type": fields["type"], **data, "payload": data}

    @given(relay_messages, st.sampled_from(["top", "payload"]))
    def test_a_client_reads_data_in_either_place(self, message: Any, place: str) -> None:
        fields = strict_json(serialize_to_client(message))
        if not isinstance(message, Forward):
            data = fields.pop("payload", {})
            fields = {"type": fields["type"]}
            fields |= data if place == "top" else {"payload": data}
        assert parse_from_relay(json.dumps(fields)) == message

    def test_lone_surrogates_pass_unharmed(self) -> None:
        text = '{"type":"offer","payload":"\\ud800"}'
        assert serialize_to_client(parse_from_client(text)) == text  # type: ignore[arg-type]


class TestOnTheWire:
    @pytest.mark.parametrize(
        ("message", "text"),
        [
            (Join(Role.OFFERER), '{"type":"join","payload":{"role":"offerer"}}'),
            (
                Join(Role.ANSWERER, "lab", "t", "r"),
                '{"type":"join","payload":{"role":"answerer","roomId":"lab","token":"t","resume":"r"}}',
            ),
            (Forward("offer", {"sdp": "v=0"}), '{"type":"offer","payload":{"sdp":"v=0"}}'),
            (Forward("ice-candidate", None), '{"type":"ice-candidate","payload":null}'),
            (Ping(), '{"type":"ping"}'),
            (Leave(), '{"type":"leave"}'),
        ],
    )
    def test_to_the_relay(self, message: Any, text: str) -> None:
        assert serialize_to_relay(message) == text

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            (Welcome("7", "hi"), '{"type":"welcome","clientId":"7","message":"hi",'
             '"payload":{"clientId":"7","message":"hi"}}'),
            (Joined("lab", Role.OFFERER, "hi"), '{"type":"joined","roomId":"lab","role":"offerer","message":"hi",'
             '"payload":{"roomId":"lab","role":"offerer","message":"hi"}}'),
            (Ready("hi"), '{"type":"ready","message":"hi","payload":{"message":"hi"}}'),
            (PeerDisconnected("hi"), '{"type":"peer-disconnected","message":"hi","payload":{"message":"hi"}}'),
            (Pong(), '{"type":"pong"}'),
            (Error("no", "room-full"), '{"type":"error","message":"no","code":"room-full",'
             '"payload":{"message":"no","code":"room-full"}}'),
        ],
    )  # fmt: skip
    def test_to_a_client(self, message: Any, text: str) -> None:
        assert serialize_to_client(message) == text

    def test_ice_servers_and_resume(self) -> None:
        servers = ({"urls": ["turn:turn.example.com"], "username": "u", "credential": "c"},)
        fields = json.loads(serialize_to_client(Joined("lab", Role.OFFERER, "hi", servers, "secret")))
        assert fields["iceServers"] == fields["payload"]["iceServers"] == list(servers)
        assert fields["resume"] == "secret"


JUNK = {
    "": "bad-message",
    "   ": "bad-message",
    "hello": "bad-message",
    '{"type":"ping"': "bad-message",
    "\x00": "bad-message",
    "\ud800": "bad-message",
    "[" * 30_000: "bad-message",
    '{"a":' * 10_000: "bad-message",
    '{"type":"offer","payload":' + "[" * 30_000 + "]" * 30_000 + "}": "bad-message",
    '{"type":"offer","payload":' + "[" * 200 + "]" * 200 + "}": "bad-message",
    '{"type":"offer","payload":' + '{"":' * 200 + "1" + "}" * 200 + "}": "bad-message",
    '{"type":"offer","payload":NaN}': "bad-message",
    '{"type":"offer","payload":-Infinity}': "bad-message",
    '{"type":"offer","payload":1e999}': "bad-message",
    '{"type":"offer","payload":' + "9" * 5000 + "}": "bad-message",
    "null": "bad-message",
    "true": "bad-message",
    "17": "bad-message",
    '"ping"': "bad-message",
    "[]": "bad-message",
    '[{"type":"ping"}]': "bad-message",
    "{}": "bad-message",
    '{"type":null}': "bad-message",
    '{"type":["ping"]}': "bad-message",
    '{"type":1}': "bad-message",
    '{"type":""}': "unknown-type",
    '{"type":"PING"}': "unknown-type",
    '{"type":"welcome"}': "unknown-type",
    '{"type":"\\ud800\\u001b[2J"}': "unknown-type",
    '{"type":"offer"}': "bad-message",
    '{"type":"join"}': "bad-message",
    '{"type":"join","role":"offerer"}': "bad-message",
    '{"type":"join","payload":null}': "bad-message",
    '{"type":"join","payload":"offerer"}': "bad-message",
    '{"type":"join","payload":{}}': "bad-role",
    '{"type":"join","payload":{"role":null}}': "bad-role",
    '{"type":"join","payload":{"role":"boss"}}': "bad-role",
    '{"type":"join","payload":{"role":"Offerer"}}': "bad-role",
    '{"type":"join","payload":{"role":["offerer"]}}': "bad-role",
    '{"type":"join","payload":{"role":{"offerer":1}}}': "bad-role",
    '{"type":"join","payload":{"role":"offerer","roomId":7}}': "bad-message",
    '{"type":"join","payload":{"role":"offerer","roomId":["lab"]}}': "bad-message",
    '{"type":"join","payload":{"role":"offerer","roomId":"\\ud800"}}': "bad-message",
    '{"type":"join","payload":{"role":"offerer","roomId":"' + "x" * 257 + '"}}': "bad-message",
    '{"type":"join","payload":{"role":"offerer","token":false}}': "bad-message",
    '{"type":"join","payload":{"role":"offerer","resume":{}}}': "bad-message",
}
"""Text that no client should send, and the code of the error that it gets."""


FIELDS = ("payload", "role", "roomId", "clientId", "message", "code", "iceServers", "resume")


def is_parsed_or_refused(text: str) -> bool:
    """Read a text from both sides. What is refused must be so in words that a terminal can show."""
    words = []
    for parse in parse_from_client, parse_from_relay:
        try:
            parse(text)
        except MessageError as error:
            words.append(error.message)
    return all(word.isprintable() for word in words)


class TestJunk:
    @pytest.mark.parametrize("text", JUNK, ids=lambda text: repr(text[:40]))
    def test_junk_from_a_client_gets_its_code(self, text: str) -> None:
        with pytest.raises(MessageError) as caught:
            parse_from_client(text)
        assert caught.value.code == JUNK[text]
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 200

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("[" * 30_000, "bad-message"),
            ("[]", "bad-message"),
            ('{"type":"offer"}', "bad-message"),
            ('{"type":"joined","roomId":"lab"}', "bad-role"),
            ('{"type":"joined","roomId":"lab","role":"boss"}', "bad-role"),
            ('{"type":"party"}', "unknown-type"),
            ('{"type":"join","payload":{"role":"offerer"}}', "unknown-type"),
        ],
    )
    def test_junk_from_a_relay_gets_its_code(self, text: str, code: str) -> None:
        with pytest.raises(MessageError) as caught:
            parse_from_relay(text)
        assert caught.value.code == code

    @given(st.text() | json_values.map(json.dumps) | st.binary().map(lambda data: data.decode("latin-1")))
    def test_no_text_raises_anything_else(self, text: str) -> None:
        assert is_parsed_or_refused(text)

    @given(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["join", "joined", "welcome", "error", "ready", "offer", "leave"])},
            optional=dict.fromkeys(FIELDS, json_values),
        )
    )
    def test_no_wrong_field_raises_anything_else(self, fields: dict[str, Any]) -> None:
        assert is_parsed_or_refused(json.dumps(fields))

    def test_nesting_is_fine_up_to_the_limit(self) -> None:
        def nested(levels: int) -> str:
            return '{"type":"offer","payload":' + "[" * levels + "]" * levels + "}"

        parse_from_client(nested(MAX_NESTING - 1))  # the message itself is the first level
        with pytest.raises(MessageError):
            parse_from_client(nested(MAX_NESTING))

    def test_brackets_in_text_are_no_nesting(self) -> None:
        assert parse_from_client(json.dumps({"type": "offer", "payload": "[{" * 500})) == Forward("offer", "[{" * 500)


class TestLeniency:
    @pytest.mark.parametrize("empty", [None, ""])
    def test_an_empty_room_name_is_none(self, empty: object) -> None:
        text = json.dumps({"type": "join", "payload": {"role": "offerer", "roomId": empty, "token": empty}})
        assert parse_from_client(text) == Join(Role.OFFERER)

    def test_unknown_fields_are_ignored(self) -> None:
        text = '{"type":"join","x":1,"payload":{"role":"offerer","version":2}}'
        assert parse_from_client(text) == Join(Role.OFFERER)
        assert parse_from_client('{"type":"ping","payload":{"at":1}}') == Ping()

    def test_a_relay_may_leave_texts_out_and_number_its_clients(self) -> None:
        assert parse_from_relay('{"type":"ready"}') == Ready("")
        assert parse_from_relay('{"type":"error"}') == Error("", None)
        assert parse_from_relay('{"type":"welcome","clientId":17}') == Welcome("17", "")
        assert parse_from_relay('{"type":"joined","role":"answerer"}') == Joined("", Role.ANSWERER)

    def test_a_description_may_be_a_string(self) -> None:
        text = '{"type":"offer","payload":"{\\"type\\":\\"offer\\"}"}'
        assert parse_from_relay(text) == Forward("offer", '{"type":"offer"}')


class TestPrintable:
    @given(st.text(st.characters()), st.integers(min_value=1, max_value=50))
    def test_it_is_printable_and_no_longer_than_asked(self, text: str, limit: int) -> None:
        shown = printable(text, limit)
        assert shown.isprintable()
        assert len(shown) <= limit

    @given(st.text(st.characters(categories=("L", "N", "P")), max_size=200))
    def test_printable_text_stays(self, text: str) -> None:
        assert printable(text) == text

    def test_what_moves_the_cursor_or_turns_the_text_is_escaped(self) -> None:
        assert printable("a\x1b[2J\r\n\u202eb\ud800") == "a\\x1b[2J\\r\\n\\u202eb\\ud800"


def test_roles_are_each_others_other() -> None:
    assert Role.OFFERER.other is Role.ANSWERER
    assert Role.ANSWERER.other is Role.OFFERER
