"""NAT routers and firewalls, as homes and offices have them, made of nftables in a namespace."""

import enum

from tests.network.namespaces import Interface, Namespace


class Nat(enum.Enum):
    """How a NAT chooses the outer port for a flow (RFC 4787 section 4.1)."""

    CONE = "masquerade"
    """The same outer port whatever the destination: STUN finds it, and two such NATs connect directly."""

    SYMMETRIC = "masquerade random,fully-random"
    """Another outer port for each destination: what STUN finds is of no use, and only TURN connects two of them."""


def translate(router: Namespace, outside: Interface, nat: Nat) -> None:
    """Make `router` a NAT toward `outside`: flows begin inside, and only what answers them comes back in."""
    router.forward_packets()
    # Unasked packets from outside must be dropped before they leave a connection-tracking entry, else the
    # inner host's next packet to their sender is given another port, and no cone NAT can be told from a symmetric one.
    router.nft(
        f"""
        table inet firewall {{
            chain arriving {{
                type filter hook input priority 0;
                iifname "{outside.name}" ct state new drop;
            }}
            chain passing {{
                type filter hook forward priority 0;
                iifname "{outside.name}" ct state new drop;
            }}
        }}
        table inet translation {{
            chain leaving {{
                type nat hook postrouting priority srcnat;
                oifname "{outside.name}" {nat.value};
            }}
        }}
        """
    )


def allow_only(host: Namespace, interface: Interface, *services: str) -> None:
    """Let in from `interface` only these services, each as nftables says it: "udp dport 3478", "tcp dport 443".

    All else that arrives there, for `host` itself or to be forwarded, is dropped in silence.
    """
    accepted = "\n".join(f'iifname "{interface.name}" {service} accept;' for service in services)
    host.nft(
        f"""
        table inet only_{interface.name} {{
            chain arriving {{
                type filter hook input priority 10;
                ct state established,related accept;
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept;
                {accepted}
                iifname "{interface.name}" drop;
            }}
            chain passing {{
                type filter hook forward priority 10;
                ct state established,related accept;
                iifname "{interface.name}" drop;
            }}
        }}
        """
    )
