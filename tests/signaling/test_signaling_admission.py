"""Which hosts the relay answers to, and whose pages it lets in: by tables, without a socket."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.admission import Admission, parse_host, parse_origin

LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")

OWN_HOSTS = ["localhost", "LOCALHOST:8080", "localhost.", "demo.localhost:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:80"]
OTHER_HOSTS = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "notlocalhost",
    "127.0.0.1.evil.example",
    "0.0.0.0:8080",
    "[::]:8080",
    "192.0.2.1",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "relay",
]
NO_HOSTS: list[list[str]] = [
    [],
    [""],
    ["localhost", "localhost"],
    ["localhost, evil.example"],
    ["user@localhost"],
    ["localhost:8080:8080"],
    ["localhost:99999"],
    ["localhost:http"],
    ["http://localhost"],
    ["[::1"],
    ["[localhost]"],
    ["."],
    ["\x1b[2J"],
    ["lоcalhost"],  # with a Cyrillic о
    ["a" * 10_000],
]


class TestHosts:
    @pytest.mark.parametrize("listening_on", [LOOPBACK, EVERYWHERE, ("192.0.2.7",)])
    def test_the_relay_is_localhost_and_nothing_that_was_not_named(self, listening_on: tuple[str, ...]) -> None:
        admission = Admission(listening_on, origins=["https://evil.example", "http://evil.example:8080", "null"])
        for host in OWN_HOSTS:
            assert admission.refuse_host([host], "127.0.0.1") is None, host
        for host in OTHER_HOSTS:
            refusal = admission.refuse_host([host], "127.0.0.1")
            assert refusal is not None, host
            assert (refusal.kind, refusal.status) == ("host", 403)
            assert "--allow-host" in refusal.line

    def test_what_names_no_host_is_a_bad_request(self) -> None:
        for headers in NO_HOSTS:
            refusal = Admission(LOOPBACK).refuse_host(headers, "127.0.0.1")
            assert refusal is not None, headers
            assert refusal.status == 400, headers
            assert refusal.line.isprintable()
            assert len(refusal.line) < 250

    def test_it_is_every_address_that_it_listens_on_or_was_reached_at(self) -> None:
        fixed, everywhere = Admission(["192.0.2.7"]), Admission(EVERYWHERE)
        assert fixed.refuse_host(["192.0.2.7:8080"], None) is None
        assert everywhere.refuse_host(["192.0.2.7:8080"], "192.0.2.7") is None
        assert everywhere.refuse_host(["[fe80::7]:8080"], "fe80::7%eth0") is None
        assert everywhere.refuse_host(["[fe80:0::7]"], "fe80::7%eth0") is None
        assert everywhere.refuse_host(["192.0.2.8:8080"], "192.0.2.7") is not None

    def test_names_can_be_given(self) -> None:
        admission = Admission(LOOPBACK, hosts=["call.example.com", "203.0.113.5", "fd00::5"])
        for host in "call.example.com", "Call.Example.com.:443", "203.0.113.5:80", "[fd00::5]:80":
            assert admission.refuse_host([host], "127.0.0.1") is None, host
        for host in "example.com", "other.call.example.com", "call.example.com.evil.example":
            assert admission.refuse_host([host], "127.0.0.1") is not None, host


LOOPBACK_ORIGINS = [
    "http://localhost",
    "http://localhost:5173",
    "https://localhost:5173",
    "http://demo.localhost:3000",
    "http://127.0.0.1:5500",
    "https://[::1]:3000",
]
FOREIGN_ORIGINS = [
    "https://evil.example",
    "http://evil.example:8080",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "https://evil.example#http://localhost:8080",
    "http://localhost:8080@evil.example",
    "http://192.0.2.1:8080",
    "null",
    "file://",
    "ws://localhost:8080",
    "chrome-extension://localhost",
    "localhost:8080",
    "http://localhost:8080/",
    "http://localhost:8080 http://evil.example",
    "",
    "\x1b]0;gotcha\x07",
    "http://" + "a" * 10_000,
]


class TestPages:
    def test_programs_are_let_in(self) -> None:
        assert Admission(EVERYWHERE).refuse_page(["evil.example"], []) is None

    @pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080"])
    def test_on_loopback_so_are_pages_of_this_machine_and_nobody_elses(self, host: str) -> None:
        admission = Admission(LOOPBACK)
        for origin in LOOPBACK_ORIGINS:
            assert admission.refuse_page([host], [origin]) is None, origin
        for origin in FOREIGN_ORIGINS:
            refusal = admission.refuse_page([host], [origin])
            assert refusal is not None, origin
            assert (refusal.kind, refusal.status) == ("origin", 403)

    def test_of_a_relay_that_others_reach_only_its_own(self) -> None:
        admission = Admission(EVERYWHERE)
        for origin in "http://192.0.2.7:8080", "https://192.0.2.7:8080":
            assert admission.refuse_page(["192.0.2.7:8080"], [origin]) is None
        for origin in [*LOOPBACK_ORIGINS, "http://192.0.2.7:8081", "http://192.0.2.7"]:
            assert admission.refuse_page(["192.0.2.7:8080"], [origin]) is not None, origin
        assert admission.refuse_page(["localhost:8080"], ["http://localhost:5173"]) is not None
        assert admission.refuse_page(["localhost:8080"], ["http://localhost:8080"]) is None

    @pytest.mark.parametrize("origin", ["http://call.example", "https://call.example"])
    def test_a_port_that_goes_without_saying_is_the_same(self, origin: str) -> None:
        admission = Admission(LOOPBACK, hosts=["call.example"])
        port = "443" if origin.startswith("https") else "80"
        for host in "call.example", f"call.example:{port}", "CALL.example.":
            assert admission.refuse_page([host], [origin]) is None
        assert admission.refuse_page(["call.example:8080"], [origin]) is not None
        assert admission.refuse_page(["call.example"], [f"{origin}:8080"]) is not None

    def test_behind_a_public_name_a_visitors_machine_is_not_this_one(self) -> None:
        admission = Admission(LOOPBACK, hosts=["call.example"])
        assert admission.refuse_page(["call.example"], ["http://localhost:5173"]) is not None

    @pytest.mark.parametrize("named", ["https://friend.example", "http://friend.example:3000", "null", "file://"])
    def test_origins_can_be_named(self, named: str) -> None:
        for listening_on in LOOPBACK, EVERYWHERE:
            admission = Admission(listening_on, origins=[named])
            assert admission.refuse_page(["localhost:8080"], [named]) is None
            for origin in FOREIGN_ORIGINS:
                refused = admission.refuse_page(["localhost:8080"], [origin]) is not None
                assert refused == (origin != named), origin

    def test_more_than_one_origin_is_none(self) -> None:
        origins = ["http://localhost:8080", "https://evil.example"]
        for headers in origins, origins[::-1], origins[:1] * 2:
            assert Admission(LOOPBACK).refuse_page(["localhost:8080"], headers) is not None


class TestLines:
    def line(self, *origins: str) -> str:
        refusal = Admission(LOOPBACK).refuse_page(["localhost:8080"], origins)
        assert refusal is not None
        return refusal.line

    def test_they_name_the_origin_and_the_option(self) -> None:
        assert self.line("https://Evil.example:8443") == (
            "refused a page of https://evil.example:8443: if you trust it, "
            "start with --allow-origin https://evil.example:8443"
        )
        assert self.line("null").startswith("refused a page of null, ")
        assert "--allow-origin null lets in all such pages" in self.line("null")

    @pytest.mark.parametrize(
        "origin", [*FOREIGN_ORIGINS, "https://evil.example;rm -rf ~", "https://$(id)", "https://`id`"]
    )
    def test_they_are_safe_on_a_terminal_and_in_a_shell(self, origin: str) -> None:
        for line in self.line(origin), self.line(origin, origin):
            assert line.isprintable()
            assert len(line) < 700
            command = line.partition("start with --allow-origin ")[2]
            assert not set(command) & set(" ;&|$`'\"\\<>(){}*?!#~")

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.text(max_size=40), min_size=1, max_size=3), st.lists(st.text(max_size=40), max_size=3))
    def test_any_text_is_decided_on(self, origins: list[str], hosts: list[str]) -> None:
        admission = Admission(LOOPBACK)
        for refusal in (
            admission.refuse_host(hosts, "127.0.0.1"),
            admission.refuse_page(hosts or ["localhost"], origins),
        ):
            assert refusal is not None
            assert refusal.line.isprintable()
            assert len(refusal.line) < 700


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.com", "https://example.com"),
        ("https://Example.COM/", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("http://[::1]:80", "http://[::1]"),
        ("null", "null"),
        ("file://", "file://"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "example.com", "https://", "https://example.com/app", "https://*.example.com", "https://a b", "//a",
     "https://a.example:99999", "https://user@a.example", "https://é.example", "\x1b[2J", "nul"],
)  # fmt: skip
def test_what_is_no_origin_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no web origin: write one such as https://example\.com,") as caught:
        parse_origin(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "host"),
    [("Call.example.com", "call.example.com"), ("192.0.2.1", "192.0.2.1"), ("fd00:0::1", "fd00::1"), ("[::1]", "::1")],
)
def test_a_host_is_read_as_browsers_write_it(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize("text", ["", "*", "a.example:8080", "https://a.example", "a b", "[", "*.example", "é.example"])
def test_what_is_no_host_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no host: write a name or address alone") as caught:
        parse_host(text)
    assert str(caught.value).isprintable()
