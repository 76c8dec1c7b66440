"""Which addresses are ever contacted, for each policy, and in what form."""

import os
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.candidate_policy import CandidatePolicy, admitted

EXAMPLES = int(os.environ.get("PEER_FUZZ", "0"))

PRIVATE = [
    *("10.0.0.1", "172.16.5.4", "192.168.1.20", "100.64.3.4", "169.254.3.4", "127.0.0.1"),
    *("fd12::1", "fe80::1", "fec0::1", "::1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2001:4860:4860::8888", "64.233.160.5"]
METADATA = [
    *("169.254.169.254", "169.254.169.253", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"),
    *("fd20:ce::254", "168.63.129.16", "100.100.100.200", "fd00:100::100:200", "192.0.0.192", "fd00:c1::a9fe:a9fe"),
    *("169.254.42.42", "fd00:42::42", "fd00:a9fe:a9fe::1", "fe80::a9fe:a9fe", "169.254.0.23"),
]
DISGUISES = [
    *("fd00:ec2::254%1", "fd00:ec2::254%eth0", "fe80::a9fe:a9fe%eth0", "FD00:0EC2:0:0:0:0:0:0254"),  # IPv6's ways
    *("::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:169.254.169.254%1"),  # IPv4-mapped
    *("::169.254.169.254", "::ffff:0:169.254.169.254"),  # IPv4-compatible, IPv4-translated
    *("64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe%1", "64:ff9b:1::a9fe:a9fe"),  # NAT64
    *("2002:a9fe:a9fe::1", "2002:a83f:8110::1"),  # 6to4
    "2001:0:a9fe:a9fe::1",  # Teredo
    *("::ffff:224.0.0.251", "::ffff:0.0.0.0", "64:ff9b::224.0.0.1", "2002:0:1::1"),
]
NUMBERS = [
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.0xfe",
    "0x7f000001",
    "127.1",
]
NOBODY = [
    *("0.0.0.0", "0.1.2.3", "::", "224.0.0.251", "239.255.255.250", "ff02::fb", "255.255.255.255", "240.0.0.1"),
    *("100::1", "200::1", "4000::1", "5f00::1"),
]
NO_ADDRESS = [
    *("example.com", "localhost", "metadata.google.internal", "", ".", "1.2.3", "1.2.3.4.5", "1.2.3.4%1", "::1%"),
    *("010.0.0.1", "10.0.0.1 ", "[::1]", "::1/128", "10.0.0.0/8", "\u0661.1.1.1"),
    *("local", ".local", "x.local.example.com", "x.y.local", "x.local\n", "x.\u212aocal", "\u212a.local"),
]


def decisions(hosts: Iterable[str]) -> dict[str, list[str | None]]:
    """For each host: what `all`, `private` and `public` make of it."""
    return {host: [admitted(host, 5000, policy) for policy in CandidatePolicy] for host in hosts}


def test_private_addresses() -> None:
    assert decisions(PRIVATE) == {host: [host, host, None] for host in PRIVATE}


def test_public_addresses() -> None:
    assert decisions(PUBLIC) == {host: [host, None, host] for host in PUBLIC}


@pytest.mark.parametrize("hosts", [METADATA, DISGUISES, NUMBERS, NOBODY, NO_ADDRESS], ids=lambda hosts: hosts[0])
def test_addresses_that_no_partner_can_have(hosts: list[str]) -> None:
    assert decisions(hosts) == {host: [None, None, None] for host in hosts}


@pytest.mark.parametrize(
    ("host", "used"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),  # the system would send an IPv4 packet
        ("::ffff:a00:1%eth0", "10.0.0.1"),
        ("2002:a00:1::1", "2002:a00:1::1"),  # a router would make one: the address has to stay
        ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
        ("FE80:0::0001%eth0", "fe80::1"),  # what eth0 is, only its machine knows
    ],
)
def test_what_comes_back_is_the_one_form_of_what_was_decided_about(host: str, used: str) -> None:
    assert admitted(host, 5000) == used
    assert admitted(host, 5000, CandidatePolicy.PRIVATE) == used
    assert admitted(host, 5000, CandidatePolicy.PUBLIC) is None


@pytest.mark.parametrize("host", ["64:ff9b::808:808", "2002:808:808::1"])
def test_an_address_that_holds_a_public_one_is_public(host: str) -> None:
    assert admitted(host, 5000, CandidatePolicy.PUBLIC) == host
    assert admitted(host, 5000, CandidatePolicy.PRIVATE) is None


@pytest.mark.parametrize("host", ["3c2ab4fb-6e2b-4a50-9f6c-8a1b2c3d4e5f.local", "HOST.LOCAL"])
def test_names_of_the_local_network(host: str) -> None:
    assert admitted(host, 5000) == host.lower()
    assert admitted(host, 5000, CandidatePolicy.PRIVATE) == host.lower()
    assert admitted(host, 5000, CandidatePolicy.PUBLIC) is None


@pytest.mark.parametrize("port", [0, -1, 65536, 10**30])
def test_ports_that_do_not_exist(port: int) -> None:
    assert admitted("192.168.1.20", port) is None


@settings(max_examples=EXAMPLES or 200, derandomize=not EXAMPLES, deadline=None)
@given(st.ip_addresses(), st.integers(1, 65535))
def test_private_and_public_share_nothing_and_all_is_both(address: object, port: int) -> None:
    host = str(address)
    private, public = (admitted(host, port, policy) for policy in (CandidatePolicy.PRIVATE, CandidatePolicy.PUBLIC))
    assert None in (private, public)
    assert admitted(host, port) == (private or public)


@settings(max_examples=EXAMPLES or 200, derandomize=not EXAMPLES, deadline=None)
@given(st.ip_addresses(), st.sampled_from(CandidatePolicy), st.text("0123456789abcdef", min_size=1, max_size=4))
def test_what_was_admitted_is_admitted_again_and_a_scope_changes_nothing(
    address: object, policy: CandidatePolicy, scope: str
) -> None:
    once = admitted(str(address), 5000, policy)
    if once is not None:
        assert admitted(once, 5000, policy) == once
    if ":" in str(address):
        assert admitted(f"{address}%{scope}", 5000, policy) == once


@settings(max_examples=EXAMPLES or 200, derandomize=not EXAMPLES, deadline=None)
@given(st.text(max_size=40), st.integers())
def test_any_text_is_an_answer(host: str, port: int) -> None:
    assert admitted(host, port) is None or 0 < port < 65536
