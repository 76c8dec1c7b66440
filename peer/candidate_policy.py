"""Which addresses of a partner are ever contacted. A candidate is an address that packets will be sent to."""

import enum
import ipaddress


class CandidatePolicy(enum.StrEnum):
    """How far the partner's candidates are followed; the value of `--candidates`."""

    ALL = "all"
    """Every unicast address, public or private, but none of those that no partner can have."""
    PRIVATE = "private"
    """Only this network: private, unique-local and link-local addresses, and names ending in `.local`."""
    PUBLIC = "public"
    """Only the internet: no address inside a private network."""


_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "fd00:ec2::254")))
"""Where cloud machines offer their credentials to whoever asks: never a partner."""


def may_contact(host: str, port: int, policy: CandidatePolicy = CandidatePolicy.ALL) -> bool:
    """Whether connectivity checks may be sent to a candidate's host (an address or an mDNS name) and port."""
    if not 0 < port < 65536:
        return False
    if host.lower().endswith(".local"):
        return policy is not CandidatePolicy.PUBLIC
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # A name that would have to be looked up in the DNS; ICE has no such candidates (RFC 8839 §5.1).
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address  # in the end, packets go to the one inside
    reserved = address.is_reserved and not address.is_loopback  # ::1 counts as both
    if address in _METADATA or address.is_multicast or address.is_unspecified or reserved:
        return False
    if policy is CandidatePolicy.ALL:
        return True
    return address.is_private is (policy is CandidatePolicy.PRIVATE)
