"""Where the policy of a pool lets its dispatchers go."""

from __future__ import annotations

from typing import Any

import pytest

from jethook_operator.core.pool_network import INSIDE, nats_ports, network_policy_spec
from tests.operator.core.pools.test_pool_children import SETTINGS, pool

INSIDE_4 = sorted(str(one) for one in INSIDE if one.version == 4)
INSIDE_6 = sorted(str(one) for one in INSIDE if one.version == 6)
PUBLIC = [("0.0.0.0/0", INSIDE_4), ("::/0", INSIDE_6)]


def outside(**egress: Any) -> list[tuple[str, list[str]]]:
    rules = network_policy_spec(pool(egress=egress), settings=SETTINGS)["egress"]
    blocks = [block["ipBlock"] for rule in rules for block in rule.get("to", ())]
    return [(block["cidr"], block.get("except", [])) for block in blocks]


@pytest.mark.parametrize(
    ("egress", "blocks"),
    [
        ({}, PUBLIC),
        ({"allowedCIDRs": ["10.1.0.0/16"]}, [*PUBLIC, ("10.1.0.0/16", [])]),
        (
            {"allowedCIDRs": ["10.1.0.0/16"], "deniedCIDRs": ["10.1.2.0/24"]},
            [("0.0.0.0/0", sorted([*INSIDE_4, "10.1.2.0/24"])), PUBLIC[1], ("10.1.0.0/16", ["10.1.2.0/24"])],
        ),
        ({"allowedCIDRs": ["10.1.0.0/16"], "deniedCIDRs": ["10.1.0.0/16"]}, [("0.0.0.0/0", None), PUBLIC[1]]),
        ({"deniedCIDRs": ["0.0.0.0/0"]}, [PUBLIC[1]]),
        ({"deniedCIDRs": ["0.0.0.0/0", "::/0"]}, []),
        ({"allowedCIDRs": ["fd00:1::/32"]}, [*PUBLIC, ("fd00:1::/32", [])]),
    ],
)
def test_the_outside_is_what_is_public_and_allowed_without_what_is_denied(
    egress: dict[str, Any], blocks: list[tuple[str, list[str] | None]]
) -> None:
    found = outside(**egress)
    assert [cidr for cidr, _ in found] == [cidr for cidr, _ in blocks]
    for (_, excepted), (_, wanted) in zip(found, blocks, strict=True):
        assert wanted is None or excepted == wanted


def test_nothing_but_the_metrics_port_is_open_from_outside() -> None:
    spec = network_policy_spec(pool(), settings=SETTINGS)
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


@pytest.mark.parametrize(
    ("urls", "ports"),
    [
        (("nats://a",), (4222,)),
        (("nats://a:5222", "tls://b:4333", "nats://c:5222"), (4333, 5222)),
        (("a:4444",), (4444,)),
        (("nats://[fd00::1]:4223",), (4223,)),
    ],
)
def test_the_ports_of_nats_come_from_its_urls(urls: tuple[str, ...], ports: tuple[int, ...]) -> None:
    assert nats_ports(urls) == ports
