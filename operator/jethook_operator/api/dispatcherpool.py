"""DispatcherPool: the dispatchers that deliver, and where they may connect to."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.meta import ApiModel, Conditions, ObjectMeta, StatusModel, name_rule
from jethook_operator.api.resource import LenientStatus, Resource
from jethook_operator.api.rules import ListType, Rule

_PREFIX = re.compile(r"[0-9A-Fa-f:.]+/(?:0|[1-9][0-9]{0,2})")


def _is_range(text: str) -> bool:
    if _PREFIX.fullmatch(text) is None:
        return False
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    return getattr(network.network_address, "ipv4_mapped", None) is None


_CIDR_RULE = Rule(
    cel="isCIDR(self) && cidr(self) == cidr(self).masked()",
    message="must be a range of addresses such as 10.0.0.0/8 or fd00::/8, with no bits set behind the prefix;"
    " write an IPv4-mapped range as IPv4",
    check=_is_range,
)
Cidr = Annotated[str, Field(min_length=1, max_length=49), _CIDR_RULE]
Cidrs = Annotated[tuple[Cidr, ...], Field(max_length=64, strict=False), ListType("set")]


class Egress(ApiModel):
    """Where the pool's dispatchers may connect to, by address."""

    allowed_cidrs: Cidrs = Field(default=(), alias="allowedCIDRs")
    """Ranges that are opened although they are private, loopback or link-local, e.g. 10.20.0.0/16. Default: none."""
    denied_cidrs: Cidrs = Field(default=(), alias="deniedCIDRs")
    """Ranges that are closed although they are public; they win over allowedCIDRs. Default: none."""


class DispatcherPoolSpec(ApiModel):
    """What the pool may do."""

    egress: Egress = Egress()
    """Where the pool's dispatchers may connect to. Default: public addresses only."""


class DispatcherPoolStatus(StatusModel):
    """What the operator says of the pool."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The metadata.generation that this status belongs to; -1 before the operator has seen the object."""
    conditions: Conditions | None = None
    """Ready: the pool's settings lie in its plan. Durable: the NATS server keeps events as promised."""


class DispatcherPool(Resource):
    """DispatcherPool is a group of dispatchers that deliver events, and where they may connect to.

    It lives in the operator's own namespace. Endpoints choose it by poolRef.
    """

    rules: ClassVar[tuple[Rule, ...]] = (name_rule(),)

    kind: Literal["DispatcherPool"] = "DispatcherPool"
    metadata: ObjectMeta
    spec: DispatcherPoolSpec = DispatcherPoolSpec()
    """What the pool may do."""
    status: Annotated[DispatcherPoolStatus | None, LenientStatus] = None
    """What the operator says of the pool."""
