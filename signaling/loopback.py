"""Names and addresses that never lead to another machine. No I/O."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an address without brackets, is this machine itself (RFC 6761, section 6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
