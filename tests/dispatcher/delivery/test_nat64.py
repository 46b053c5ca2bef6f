"""The local-use NAT64 prefix hides an IPv4 address in one of several places (RFC 6052, section 2.2)."""

import pytest

from jethook_contract.plan import PoolPlan
from jethook_dispatcher.core.egress import EgressPolicy

OPEN = EgressPolicy.of_pool(PoolPlan(pool="default", allowed_cidrs=("64:ff9b:1::/48",)), always_denied=())


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("64:ff9b:1:a9fe:a9:fe00::", id="/48 of 169.254.169.254"),
        pytest.param("64:ff9b:1:a9:fe:a9fe::", id="/56 of 169.254.169.254"),
        pytest.param("64:ff9b:1:0:a9:fea9:fe00::", id="/64 of 169.254.169.254"),
        pytest.param("64:ff9b:1::169.254.169.254", id="/96 of 169.254.169.254"),
        pytest.param("64:ff9b:1::10.0.0.1", id="/96 of 10.0.0.1"),
    ],
)
def test_a_private_address_is_found_wherever_it_hides(address: str) -> None:
    assert not OPEN.judge(address, port=443, plain=False).allowed


@pytest.mark.parametrize("address", ["64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::"], ids=["/96", "/48"])
def test_a_public_address_behind_an_opened_prefix_is_reached(address: str) -> None:
    assert OPEN.judge(address, port=443, plain=False).allowed
