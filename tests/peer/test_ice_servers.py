"""STUN and TURN servers as people and relays name them."""

from typing import Any

import pytest
from hypothesis import given, settings

from peer.errors import UsageError
from peer.ice_servers import MAX_ICE_SERVERS, IceServer, parse_ice_server, parse_relay_servers
from tests.peer.payloads import junk

USER = ("user", "secret")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:stun.example.com", ("stun", "stun.example.com", 3478, "udp")),
        ("stun:192.0.2.1:19302", ("stun", "192.0.2.1", 19302, "udp")),
        ("stun:[2001:db8::1]:5000", ("stun", "2001:db8::1", 5000, "udp")),
        ("turn:turn.example.com", ("turn", "turn.example.com", 3478, "udp")),
        ("turn:turn.example.com:443?transport=tcp", ("turn", "turn.example.com", 443, "tcp")),
        ("turn:[::1]?transport=udp", ("turn", "::1", 3478, "udp")),
        ("turns:turn.example.com", ("turns", "turn.example.com", 5349, "tcp")),
        ("turns:turn.example.com:443?transport=tcp", ("turns", "turn.example.com", 443, "tcp")),
    ],
)
def test_a_url_with_its_defaults(url: str, expected: tuple[str, str, int, str]) -> None:
    server = parse_ice_server(url, *USER)
    assert (server.scheme, server.host, server.port, server.transport) == expected
    assert server.is_turn is (expected[0] != "stun")
    assert (server.username, server.credential) == (USER if server.is_turn else (None, None))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "not the address of an ICE server"),
        ("stun.example.com", "not the address of an ICE server"),
        ("http://example.com", "not the address of an ICE server"),
        ("stun://example.com", "not the address of an ICE server"),
        ("stun:", "not the address of an ICE server"),
        ("stun:exa mple.com", "not the address of an ICE server"),
        ("stun:example.com:", "not the address of an ICE server"),
        ("stun:example.com:x", "not the address of an ICE server"),
        ("stun:2001:db8::1:3478", "not the address of an ICE server"),
        ("stun:example.com\n", "not the address of an ICE server"),
        ("turn:example.com?transport=sctp", "not the address of an ICE server"),
        ("turn:user@example.com", "not the address of an ICE server"),
        ("STUN:example.com?x=1", "not the address of an ICE server"),
        ("stun:example.com:0", "port must be from 1 to 65535"),
        ("stun:example.com:65536", "port must be from 1 to 65535"),
        ("stun:example.com?transport=udp", "has no transport"),
        ("turns:example.com?transport=udp", "over UDP is not supported"),
    ],
)
def test_a_url_that_can_not_be_used(url: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_ice_server(url, *USER)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("account", [(), ("user",), ("user", ""), ("", "secret"), (None, "secret")])
@pytest.mark.parametrize("scheme", ["turn", "turns"])
def test_a_turn_server_needs_an_account(scheme: str, account: Any) -> None:
    with pytest.raises(UsageError, match="--ice-username and --ice-credential"):
        parse_ice_server(f"{scheme}:example.com", *account)


def test_the_credential_is_not_shown() -> None:
    server = parse_ice_server("turn:example.com", *USER)
    assert "secret" not in repr(server)
    assert "user" in repr(server)


def test_the_servers_of_a_relay() -> None:
    good, bad = parse_relay_servers(
        [
            {"urls": "stun:one.example.com"},
            {"urls": ["turn:two.example.com", "turns:two.example.com"], "username": "u", "credential": "c"},
            {"url": "stun:three.example.com"},
        ]
    )
    assert [server.url for server in good] == [
        *("stun:one.example.com", "turn:two.example.com", "turns:two.example.com", "stun:three.example.com")
    ]
    assert bad == []


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 7, "stun:example.com", [], {}, {"urls": None}, {"urls": 7}, {"urls": [None]}, {"urls": {}}),
        *({"urls": "http://x"}, {"urls": "turn:example.com"}, {"urls": "turn:x", "username": 1, "credential": 2}),
    ],
)
def test_a_server_of_a_relay_that_can_not_be_used_is_told_and_the_others_are_used(entry: Any) -> None:
    good, bad = parse_relay_servers([entry, {"urls": "stun:good.example.com"}])
    assert [server.host for server in good] == ["good.example.com"]
    assert len(bad) == 1


def test_a_relay_may_name_only_so_many() -> None:
    good, bad = parse_relay_servers([{"urls": ["stun:example.com"] * 1000}, {"urls": ["x"] * 1000}])
    assert len(good) == MAX_ICE_SERVERS
    assert len(bad) == 1
    good, bad = parse_relay_servers([{"urls": ["x"] * 100_000}])
    assert good == []
    assert len(bad) == MAX_ICE_SERVERS + 1


@settings(max_examples=200, derandomize=True, deadline=None)
@given(junk)
def test_anything_of_a_relay_is_servers_and_complaints(servers: Any) -> None:
    good, bad = parse_relay_servers(servers)
    assert all(isinstance(server, IceServer) for server in good)
    assert all(line.isprintable() for line in bad)
