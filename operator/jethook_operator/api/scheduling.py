"""Where a pool's pods may run: node selector terms, tolerations and affinities, in the words of the Pod API.

They are spelled out, not passed through: what a pool can say of its pods is bounded and checked here, and says nothing
of privileges. Source: Kubernetes API reference, PodSpec v1 core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import ListType, Rule

Text = Annotated[str, Field(max_length=316)]  # prefix of 253 characters, slash, name of 63
Value = Annotated[str, Field(max_length=63)]
Values = Annotated[tuple[Value, ...], Field(max_length=32, strict=False), ListType("atomic")]
Weight = Annotated[int, Field(ge=1, le=100)]


class Toleration(ApiModel):
    """A taint of nodes that the pods bear."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.key) || self.operator == 'Exists'",
            message="a toleration without key tolerates every taint and needs operator Exists; give key or operator",
            check=lambda one: one.key is not None or one.operator == "Exists",
        ),
        Rule(
            cel="self.operator == 'Equal' || !has(self.value)",
            message="operator Exists takes no value; remove value",
            check=lambda one: one.operator == "Equal" or one.value is None,
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="tolerationSeconds needs effect NoExecute; add that or remove tolerationSeconds",
            check=lambda one: one.toleration_seconds is None or one.effect == "NoExecute",
        ),
    )

    key: Text | None = None
    """Key of the taint. Default: every taint, with operator Exists."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal (default): the taint has this value. Exists: whatever its value."""
    value: Value | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """What the taint does. Default: every effect."""
    toleration_seconds: int | None = Field(default=None, ge=0)
    """Seconds that a pod stays on a node that gets the taint. Default: for ever."""


class NodeRequirement(ApiModel):
    """One requirement on a node's labels or fields."""

    key: Text
    """Label or field of the node."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How the key's value is compared with values."""
    values: Values = ()
    """What it is compared with, at most 32. Default: none."""


NodeRequirements = Annotated[tuple[NodeRequirement, ...], Field(max_length=16, strict=False), ListType("atomic")]


class NodeTerm(ApiModel):
    """Requirements that a node meets all of."""

    match_expressions: NodeRequirements = ()
    """Requirements on labels. Default: none."""
    match_fields: NodeRequirements = ()
    """Requirements on fields. Default: none."""


class NodeSelector(ApiModel):
    """Terms of which a node meets one."""

    node_selector_terms: Annotated[
        tuple[NodeTerm, ...], Field(min_length=1, max_length=8, strict=False), ListType("atomic")
    ]
    """The terms, 1 to 8."""


class PreferredNode(ApiModel):
    """A kind of node that is preferred."""

    weight: Weight
    """How much, 1 to 100."""
    preference: NodeTerm
    """Which nodes."""


class NodeAffinity(ApiModel):
    """Which nodes the pods run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that the pods must run on. Default: any."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredNode, ...], Field(max_length=8, strict=False), ListType("atomic")
    ] = ()
    """Nodes that are preferred, at most 8. Default: none."""


class LabelRequirement(ApiModel):
    """One requirement on labels."""

    key: Text
    """Label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label's value is compared with values."""
    values: Values = ()
    """What it is compared with, at most 32. Default: none."""


class LabelSelector(ApiModel):
    """Objects by their labels; all that is given must hold."""

    match_labels: Annotated[Mapping[str, Value], Field(max_length=16)] = {}
    """Labels with their values, at most 16. Default: none."""
    match_expressions: Annotated[
        tuple[LabelRequirement, ...], Field(max_length=16, strict=False), ListType("atomic")
    ] = ()
    """Requirements on labels, at most 16. Default: none."""


class PodTerm(ApiModel):
    """Pods, and what counts as the same place."""

    label_selector: LabelSelector | None = None
    """Which pods."""
    topology_key: Annotated[Text, Field(min_length=1)]
    """Label of nodes: those of an equal value are one place."""
    namespaces: Annotated[tuple[Value, ...], Field(max_length=16, strict=False), ListType("atomic")] = ()
    """Namespaces of those pods, at most 16. Default: the operator's."""
    namespace_selector: LabelSelector | None = None
    """Namespaces of those pods, by label, in addition."""


class WeightedPodTerm(ApiModel):
    """A place that is preferred or avoided."""

    weight: Weight
    """How much, 1 to 100."""
    pod_affinity_term: PodTerm
    """Which pods are there."""


class PodAffinity(ApiModel):
    """Pods to be near to, or away from."""

    required_during_scheduling_ignored_during_execution: Annotated[
        tuple[PodTerm, ...], Field(max_length=8, strict=False), ListType("atomic")
    ] = ()
    """What must hold, at most 8. Default: nothing."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[WeightedPodTerm, ...], Field(max_length=8, strict=False), ListType("atomic")
    ] = ()
    """What is preferred, at most 8. Default: nothing."""


class Affinity(ApiModel):
    """Which nodes, and which other pods, the pods are drawn to or kept from."""

    node_affinity: NodeAffinity | None = None
    """Which nodes the pods run on."""
    pod_affinity: PodAffinity | None = None
    """Pods to be near to."""
    pod_anti_affinity: PodAffinity | None = None
    """Pods to be away from."""
