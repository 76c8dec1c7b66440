"""Which addresses are ever contacted, for each policy."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.candidate_policy import CandidatePolicy, may_contact

EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))

PRIVATE = ["10.0.0.1", "172.16.5.4", "192.168.1.20", "169.254.3.4", "127.0.0.1", "fd12::1", "fe80::1", "::1"]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "64.233.160.5"]
NOBODY = [
    *("0.0.0.0", "::", "224.0.0.251", "239.255.255.250", "ff02::fb", "255.255.255.255", "240.0.0.1"),
    *("169.254.169.254", "169.254.170.2", "fd00:ec2::254"),
    *("::ffff:224.0.0.251", "::ffff:0.0.0.0"),
    *(
        "example.com",
        "localhost",
        "metadata.google.internal",
        "",
        ".",
        "1.2.3",
        "1.2.3.4.5",
        "0x7f000001",
        "2130706433",
    ),
    *(
        "127.1",
        "010.0.0.1",
        "10.0.0.1 ",
        "[::1]",
        "::1/128",
        "10.0.0.0/8",
        "local",
        "x.local.example.com",
        "\u0661.1.1.1",
    ),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses(host: str) -> None:
    assert may_contact(host, 5000)
    assert may_contact(host, 5000, CandidatePolicy.PRIVATE)
    assert not may_contact(host, 5000, CandidatePolicy.PUBLIC)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses(host: str) -> None:
    assert may_contact(host, 5000)
    assert not may_contact(host, 5000, CandidatePolicy.PRIVATE)
    assert may_contact(host, 5000, CandidatePolicy.PUBLIC)


@pytest.mark.parametrize("host", NOBODY)
@pytest.mark.parametrize("policy", CandidatePolicy)
def test_addresses_that_no_partner_can_have(host: str, policy: CandidatePolicy) -> None:
    assert not may_contact(host, 5000, policy)


@pytest.mark.parametrize("host", ["::ffff:10.0.0.1", "2002:a00:1::1"])
def test_an_address_that_holds_another_is_no_way_round_a_policy(host: str) -> None:
    assert may_contact(host, 5000, CandidatePolicy.PRIVATE)
    assert not may_contact(host, 5000, CandidatePolicy.PUBLIC)


@pytest.mark.parametrize("host", ["3c2ab4fb-6e2b-4a50-9f6c-8a1b2c3d4e5f.local", "HOST.LOCAL"])
def test_names_of_the_local_network(host: str) -> None:
    assert may_contact(host, 5000)
    assert may_contact(host, 5000, CandidatePolicy.PRIVATE)
    assert not may_contact(host, 5000, CandidatePolicy.PUBLIC)


@pytest.mark.parametrize("port", [0, -1, 65536, 10**30])
def test_ports_that_do_not_exist(port: int) -> None:
    assert not may_contact("192.168.1.20", port)


@settings(max_examples=EXAMPLES or 200, derandomize=not EXAMPLES, deadline=None)
@given(st.ip_addresses(), st.integers(1, 65535))
def test_private_and_public_share_nothing_and_all_is_both(address: object, port: int) -> None:
    host = str(address)
    private, public = (may_contact(host, port, policy) for policy in (CandidatePolicy.PRIVATE, CandidatePolicy.PUBLIC))
    assert not (private and public)
    assert may_contact(host, port) is (private or public)


@settings(max_examples=EXAMPLES or 200, derandomize=not EXAMPLES, deadline=None)
@given(st.text(max_size=40), st.integers())
def test_any_text_is_an_answer(host: str, port: int) -> None:
    assert may_contact(host, port) in (True, False)
