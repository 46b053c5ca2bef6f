"""The NetworkPolicy of a pool: a second net behind the dispatcher's own check of each address.

Ports of what is inside the cluster are open to every address there, since a policy sees addresses, and names are what
is configured; the dispatchers' own check closes them for deliveries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool_settings import METRICS_PORT, ChildSettings, selector

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NATS_PORT = 4222
DNS_PORT = 53
# Where API servers listen; a policy is asked after the translation of the Service's address and port.
API_SERVER_PORTS = (443, 6443)
EVERYTHING: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# What is not the outside. The dispatchers' own table is longer (documentation ranges, multicast, NAT64): no such packet
# is stopped here that could reach anything.
INSIDE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one)
    for one in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "64:ff9b::/96",
        "fc00::/7",
        "fe80::/10",
    )
)


def network_policy_spec(pool: DispatcherPool, *, settings: ChildSettings) -> dict[str, Any]:
    """Write the policy's spec: out to DNS, NATS, the API server and the outside; in to the metrics port alone."""
    egress = pool.spec.egress
    denied = tuple(ipaddress.ip_network(one) for one in egress.denied_cidrs)
    allowed = tuple(ipaddress.ip_network(one) for one in egress.allowed_cidrs)
    outside = [*_blocks(EVERYTHING, without=(*INSIDE, *denied)), *_blocks(allowed, without=denied)]
    rules: list[dict[str, Any]] = [
        {"ports": [_port(DNS_PORT, "UDP"), _port(DNS_PORT, "TCP")]},
        {"ports": [_port(number, "TCP") for number in nats_ports(settings.nats_urls)]},
        {"ports": [_port(number, "TCP") for number in API_SERVER_PORTS]},
    ]
    return {
        "podSelector": {"matchLabels": selector(pool.metadata.name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [_port(METRICS_PORT, "TCP")]}],
        "egress": [*rules, *([{"to": outside}] if outside else [])],
    }


def nats_ports(urls: Iterable[str]) -> tuple[int, ...]:
    """List the ports of NATS URLs, sorted."""
    return tuple(sorted({urlsplit(url if "//" in url else f"nats://{url}").port or NATS_PORT for url in urls}))


def _blocks(networks: Iterable[Network], *, without: Iterable[Network]) -> list[dict[str, Any]]:
    """Write ranges with their exceptions, which have to be strictly within them; a range that is all excepted goes."""
    holes = tuple(without)
    blocks = []
    for network in dict.fromkeys(networks):
        if any(_within(network, hole) for hole in holes):
            continue
        inner = sorted({str(hole) for hole in holes if _within(hole, network)})
        blocks.append({"ipBlock": {"cidr": str(network), **({"except": inner} if inner else {})}})
    return blocks


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _port(number: int, protocol: str) -> dict[str, Any]:
    return {"port": number, "protocol": protocol}
