"""NAT routers and firewalls, as homes and offices have them, made of nftables in a namespace."""

import enum

from tests.network.namespaces import Interface, Link, Namespace


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


def allow_only(link: Link, server: Interface, protocol: str, port: int) -> None:
    """Let nothing over the link but one service, "udp" or "tcp" and its port, of the end `server`.

    All else is dropped, in both directions, unseen by its sender: to a program, a firewall on its own output would
    be an error.
    """
    client = link.a if server == link.b else link.b
    for end, direction in ((server, "dport"), (client, "sport")):
        end.namespace.nft(
            f"""
            table netdev only_{end.name} {{
                chain arriving {{
                    type filter hook ingress device {end.name} priority 1;
                    ether type arp accept;
                    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept;
                    {protocol} {direction} {port} accept;
                    drop;
                }}
            }}
            """
        )
