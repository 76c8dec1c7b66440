"""Which addresses are ever contacted: those of a partner's candidates and checks, and of the servers a relay names."""

import enum
import functools
import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


class CandidatePolicy(enum.StrEnum):
    """How far others may send us; the value of `--candidates`."""

    ALL = "all"
    """Every unicast address, public or private, but none of those that no partner can have."""
    PRIVATE = "private"
    """Only this network: private, shared, unique-local and link-local addresses, and names ending in `.local`."""
    PUBLIC = "public"
    """Only the internet: no address inside a private network."""


def _networks(*texts: str) -> Networks:
    return tuple(map(ipaddress.ip_network, texts))


_UNICAST = _networks(
    "0.0.0.0/0",
    # IPv6's are few (IANA's registry of its address space); the rest is reserved, or multicast.
    *("2000::/3", "fc00::/7", "fe80::/10", "fec0::/10", "::1/128"),
)

_NOBODY = _networks(
    "0.0.0.0/8",  # "this network" (RFC 1122 §3.2.1.3), which systems take for themselves
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved (RFC 1112 §4), with the broadcast address (RFC 919 §7)
    "2001::/32",  # Teredo, which is retired: packets would go to the IPv4 address inside (RFC 4380 §4)
)

_CLOUD = _networks(
    # Where cloud machines are given credentials, names and time by the cloud itself. AWS, Azure, Google and most others
    # use 169.254.169.254 (Amazon EC2 user guide, "Access instance metadata"); AWS has its DNS and time beside it.
    "169.254.169.0/24",
    "169.254.170.0/24",  # AWS: credentials of ECS tasks (.2) and of EKS pods (.23)
    "fd00:ec2::/32",  # AWS over IPv6: metadata (::254), pods (::23), DNS (::253), time (::123)
    "fd20:ce::254/128",  # Google Compute Engine over IPv6, "Query VM metadata"
    "168.63.129.16/32",  # Azure's WireServer, "What is IP address 168.63.129.16?"
    "100.100.100.200/32",  # Alibaba Cloud ECS, "View instance metadata"
    "fd00:100::100:200/128",  # the same over IPv6
    "192.0.0.192/32",  # Oracle Cloud Infrastructure Classic
    "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud Infrastructure over IPv6 (its SDK's instance principals)
    "169.254.42.42/32",  # Scaleway (cloud-init, "Scaleway")
    "fd00:42::42/128",
    "fd00:a9fe:a9fe::1/128",  # Akamai (cloud-init, "Akamai")
    "fe80::a9fe:a9fe/128",  # OpenStack over IPv6 (Nova, "Metadata service")
    "169.254.0.23/32",  # Tencent Cloud
)

_LOCAL = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # private (RFC 1918)
    "100.64.0.0/10",  # shared, behind a provider's NAT and in overlay networks (RFC 6598)
    *("127.0.0.0/8", "::1/128"),  # loopback
    *("169.254.0.0/16", "fe80::/10"),  # link-local (RFC 3927, RFC 4291 §2.5.6)
    *("fc00::/7", "fec0::/10"),  # unique-local, and the site-local before it (RFC 4193, RFC 3879)
    "192.0.0.0/24",  # protocols' own (RFC 6890)
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # for examples (RFC 5737)
    *("2001:db8::/32", "3fff::/20"),  # likewise (RFC 3849, RFC 9637)
    "198.18.0.0/15",  # for benchmarks (RFC 2544)
    "2001::/23",  # protocols' own (RFC 2928)
)
"""What is not the internet (IANA's registries of special-purpose addresses). Python's own list differs by version."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The well-known prefix (RFC 6052 §2.1): the last 32 bits are the IPv4 address that a packet will be sent to."""

_MDNS_NAME = re.compile(r"[a-z0-9-]{1,63}\.local", re.ASCII | re.IGNORECASE)
"""What browsers hide an address behind (draft-ietf-mmusic-mdns-ice-candidates §3.1.1)."""


def admitted(host: str, port: int, policy: CandidatePolicy = CandidatePolicy.ALL) -> str | None:
    """Where packets for a host (an address or an mDNS name) and port may be sent; None if nowhere.

    What comes back is what has to be used: the one form of an address (RFC 5952), without a scope id, which means
    something only on the machine that wrote it (RFC 4007 §6). A name's addresses are to be asked about in their turn.
    """
    if not 0 < port < 65536:
        return None
    if _MDNS_NAME.fullmatch(host):
        return host.lower() if policy is not CandidatePolicy.PUBLIC else None
    return _admitted_address(host, policy)


@functools.lru_cache(maxsize=256)  # the source of every check that comes is asked about
def _admitted_address(host: str, policy: CandidatePolicy) -> str | None:
    address = _parse(host)
    if address is None:
        return None
    end = _end(address)
    if not _is_in(end, _UNICAST) or _is_in(end, _NOBODY) or _is_in(end, _CLOUD):
        return None
    if policy is not CandidatePolicy.ALL and _is_in(end, _LOCAL) is not (policy is CandidatePolicy.PRIVATE):
        return None
    return str(address)


def _parse(host: str) -> Address | None:
    """An address, as the system would use it; None for names, and for what only some systems take for an address.

    Numbers, hexadecimal parts and leading zeros in IPv4 are such. A name would have to be looked up in the DNS; ICE has
    no such candidates (RFC 8839 §5.1).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))


def _end(address: Address) -> Address:
    """Where packets go in the end, when an IPv6 address holds an IPv4 address: by 6to4 (RFC 3056 §2) or NAT64."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.sixtofour or address
    return address


def _is_in(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
