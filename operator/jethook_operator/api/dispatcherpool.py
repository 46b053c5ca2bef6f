"""DispatcherPool: the Deployment that delivers: how many pods, for whom, and where they may connect to."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from jethook_operator.api.meta import ApiModel, Conditions, ObjectMeta, SecretName, StatusModel, name_rule
from jethook_operator.api.pool_template import PodTemplate, Resources
from jethook_operator.api.resource import LenientStatus, Resource
from jethook_operator.api.rules import ListType, Rule, spelled

ALL_NAMESPACES = "*"
MAX_NAME_CHARACTERS = 44  # with the prefix jethook-dispatcher- it is a DNS label
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


# The children are named jethook-dispatcher-<pool>, a Deployment's name ends up in a label and in its pods' names.
_SHORT_NAME_RULE = Rule(
    cel=f"self.metadata.name.size() <= {MAX_NAME_CHARACTERS}",
    message=f"metadata.name must have at most {MAX_NAME_CHARACTERS} characters; shorten it",
    check=lambda pool: len(pool.metadata.name) <= MAX_NAME_CHARACTERS,
)
_NAMESPACE_RULE = spelled(
    r"\*|[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?",
    message='must be the name of a namespace (a-z, 0-9 and -, at most 63 characters) or "*"; correct it',
)
_ALL_ALONE_RULE = Rule(
    cel="!('*' in self) || self.size() == 1",
    message='must hold "*" alone, or names only; remove one or the other',
    check=lambda namespaces: ALL_NAMESPACES not in namespaces or len(namespaces) == 1,
)
AllowedNamespaces = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=63), _NAMESPACE_RULE], ...],
    Field(max_length=256, strict=False),
    ListType("set"),
    _ALL_ALONE_RULE,
]


class CredentialsReference(ApiModel):
    """A Secret in the operator's namespace, with a NATS credentials file under the key user.creds."""

    name: SecretName
    """Name of the Secret; no label is needed, since it is mounted and never read by the operator."""


class Egress(ApiModel):
    """Where the pool's dispatchers may connect to, by address."""

    allowed_cidrs: Cidrs = Field(default=(), alias="allowedCIDRs")
    """Ranges that are opened although they are private, loopback or link-local, e.g. 10.20.0.0/16. Default: none."""
    denied_cidrs: Cidrs = Field(default=(), alias="deniedCIDRs")
    """Ranges that are closed although they are public; they win over allowedCIDRs. Default: none."""


class Scaling(ApiModel):
    """Who decides how many dispatchers run, and how."""

    mode: Literal["Builtin", "External"] = "Builtin"
    """Builtin (default): the operator decides between minReplicas and maxReplicas. External: spec.replicas says, which
    a HorizontalPodAutoscaler, KEDA or kubectl scale writes through the scale subresource."""
    target_utilization_percent: int = Field(default=60, ge=10, le=95)
    """Share of a dispatcher's time at work that Builtin aims at, 10 to 95. Default: 60."""
    idle_seconds: int = Field(default=300, ge=10, le=86_400)
    """Seconds without any work before Builtin scales to 0, where minReplicas is 0; 10 to 86400. Default: 300."""
    scale_down_stabilization_seconds: int = Field(default=300, ge=0, le=3600)
    """Builtin scales down to the most that it wanted in this time, 0 to 3600. Default: 300."""


class DispatcherPoolSpec(ApiModel):
    """What the pool may do, and how much of it runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minReplicas <= self.maxReplicas",
            message="minReplicas must not be above maxReplicas; lower it or raise maxReplicas",
            check=lambda spec: spec.min_replicas <= spec.max_replicas,
        ),
        Rule(
            cel="!has(self.replicas) || self.scaling.mode == 'External'",
            message="replicas needs scaling.mode External; set that, or remove replicas and use minReplicas and"
            " maxReplicas",
            check=lambda spec: spec.replicas is None or spec.scaling.mode == "External",
        ),
    )

    replicas: int | None = Field(default=None, ge=0, le=1000)
    """Dispatchers that run, with scaling.mode External only, 0 to 1000; the scale subresource writes it. Default: as
    many as run, minReplicas at first."""
    min_replicas: int = Field(default=1, ge=0, le=1000)
    """Fewest dispatchers, 0 to 1000; 0 lets Builtin end the last one when there is no work. Default: 1."""
    max_replicas: int = Field(default=3, ge=1, le=1000)
    """Most dispatchers, 1 to 1000. Default: 3."""
    scaling: Scaling = Scaling()
    """Who decides how many dispatchers run between the two."""
    allowed_namespaces: AllowedNamespaces = ("*",)
    """Namespaces whose endpoints may choose this pool, at most 256 names, or "*" alone for all. Default: all."""
    egress: Egress = Egress()
    """Where the pool's dispatchers may connect to. Default: public addresses only."""
    nats_credentials_ref: CredentialsReference | None = None
    """NATS user of the pool's dispatchers. Default: the one that the operator was started with for pools, if any."""
    resources: Resources = Resources()
    """What each dispatcher may use."""
    template: PodTemplate = PodTemplate()
    """What is added to the pool's pods."""


class ScalingStatus(StatusModel):
    """The last decision on replicas, and why."""

    desired_replicas: int | None = Field(default=None, ge=0)
    """Dispatchers that are wanted."""
    reason: str | None = Field(default=None, max_length=128)
    """Why so many, as one CamelCase word for programs."""
    message: str | None = Field(default=None, max_length=1024)
    """Why so many, in a sentence for people."""
    utilization_percent: int | None = Field(default=None, ge=0, le=100)
    """Share of their time that the dispatchers were at work, on average."""
    last_scale_time: AwareDatetime | None = None
    """When another number of dispatchers was last asked for."""


class DispatcherPoolStatus(StatusModel):
    """What the operator says of the pool."""

    observed_generation: int = Field(default=-1, ge=-1)
    """The metadata.generation that this status belongs to; -1 before the operator has seen the object."""
    conditions: Conditions | None = None
    """Ready: the pool's settings lie in its plan, and its dispatchers run. Durable: the NATS server keeps events as
    promised. Reconciling and Stalled are there only while true."""
    replicas: int | None = Field(default=None, ge=0)
    """Dispatchers that exist."""
    ready_replicas: int | None = Field(default=None, ge=0)
    """Dispatchers that are ready."""
    selector: str | None = Field(default=None, max_length=512)
    """Label selector of the dispatchers' pods, for autoscalers."""
    scaling: ScalingStatus | None = None
    """The last decision on replicas, and why."""


class DispatcherPool(Resource):
    """DispatcherPool is a group of dispatchers that deliver events: how many, for whom, and where they connect to.

    It lives in the operator's own namespace. Endpoints choose it by poolRef.
    """

    rules: ClassVar[tuple[Rule, ...]] = (name_rule(), _SHORT_NAME_RULE)

    kind: Literal["DispatcherPool"] = "DispatcherPool"
    metadata: ObjectMeta
    spec: DispatcherPoolSpec = DispatcherPoolSpec()
    """What the pool may do, and how much of it runs."""
    status: Annotated[DispatcherPoolStatus | None, LenientStatus] = None
    """What the operator says of the pool."""
