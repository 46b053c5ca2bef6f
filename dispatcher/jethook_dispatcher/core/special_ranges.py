"""The address ranges that are not the public internet, with the name under which a denial mentions them.

Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries, the multicast and reserved blocks, and the
addresses under which cloud providers serve instance metadata (some of them in public space).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_V4 = {
    "0.0.0.0/8": "in 'this network' (RFC 791)",
    "10.0.0.0/8": "private (RFC 1918)",
    "100.64.0.0/10": "carrier-grade NAT (RFC 6598)",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.0/24": "IETF protocol assignments (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.31.196.0/24": "AS112 (RFC 7535)",
    "192.52.193.0/24": "AMT (RFC 7450)",
    "192.88.99.0/24": "6to4 relay anycast (RFC 7526)",
    "192.168.0.0/16": "private (RFC 1918)",
    "192.175.48.0/24": "AS112 (RFC 7534)",
    "198.18.0.0/15": "benchmarking (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "broadcast",
    "240.0.0.0/4": "reserved (RFC 1112)",
}
_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b::/96": "NAT64 (RFC 6052)",
    "64:ff9b:1::/48": "NAT64 (RFC 8215)",
    "100::/64": "discard-only (RFC 6666)",
    "100:0:0:1::/64": "dummy prefix (RFC 9780)",
    "2001::/32": "Teredo (RFC 4380)",
    "2001::/23": "IETF protocol assignments (RFC 2928)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "2002::/16": "6to4 (RFC 3056)",
    "2620:4f:8000::/48": "AS112 (RFC 7534)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "SRv6 segment identifiers (RFC 9602)",
    "fc00::/7": "unique local (RFC 4193)",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local (RFC 3879)",
    "ff00::/8": "multicast",
}
_SPECIAL_V4 = tuple((IPv4Network(cidr), name) for cidr, name in _V4.items())
_SPECIAL_V6 = tuple((IPv6Network(cidr), name) for cidr, name in _V6.items())
_GLOBAL_UNICAST = IPv6Network("2000::/3")

METADATA_ADDRESSES: frozenset[IPv4Address | IPv6Address] = frozenset(
    {
        IPv4Address("169.254.169.254"),  # AWS, Azure, Google Cloud, OpenStack, and most others
        IPv4Address("169.254.170.2"),  # AWS ECS task credentials
        IPv4Address("169.254.170.23"),  # AWS EKS Pod Identity
        IPv4Address("168.63.129.16"),  # Azure's host agent, in public space
        IPv4Address("100.100.100.200"),  # Alibaba Cloud
        IPv4Address("192.0.0.192"),  # Oracle Cloud
        IPv6Address("fd00:ec2::254"),  # AWS
        IPv6Address("fd00:ec2::23"),  # AWS EKS Pod Identity
        IPv6Address("fd20:ce::254"),  # Google Cloud
    }
)


def range_name(address: IPv4Address | IPv6Address) -> str:
    """Name the special range in which the address lies, empty for an address of the public internet."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _SPECIAL_V4 if address in network), "")
    found = next((name for network, name in _SPECIAL_V6 if address in network), "")
    return found or ("" if address in _GLOBAL_UNICAST else "outside global unicast (2000::/3)")
