"""What a pool may say of its pods: resources, labels, placement. No more, or it would be a way to a privileged pod."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from jethook_operator.api.meta import ApiModel
from jethook_operator.api.rules import ListType, Rule, spelled
from jethook_operator.api.scheduling import Affinity, Toleration

OWN_LABELS = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "pod-template-hash",
)
OWN_PREFIX = "jethook.io/"
UNSAFE_PREFIXES = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)

_KEY = re.compile(r"(?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_KEY_RULE = Rule(
    cel=f'self.all(key, key.matches(r"^(?:{_KEY.pattern})$"))',
    message="must have keys such as team or example.com/team: a name of at most 63 letters, digits, -, _ and ., perhaps"
    " behind a DNS name and a slash; correct the key",
    check=lambda given: all(_KEY.fullmatch(key) for key in given),
)
_OWN_LABELS_RULE = Rule(
    cel=f"self.all(key, !key.startsWith('{OWN_PREFIX}') && !(key in [{', '.join(repr(one) for one in OWN_LABELS)}]))",
    message="must not set the labels by which Jethook finds its pods: app.kubernetes.io/name, -/instance, -/managed-by,"
    " -/part-of, pod-template-hash and jethook.io/; use other keys",
    check=lambda given: not any(key.startswith(OWN_PREFIX) or key in OWN_LABELS for key in given),
)
_ANNOTATIONS_RULE = Rule(
    cel="self.all(key, " + " && ".join(f"!key.startsWith('{one}')" for one in (OWN_PREFIX, *UNSAFE_PREFIXES)) + ")",
    message="must not set annotations of Jethook (jethook.io/) or of a pod's confinement (AppArmor, seccomp); remove"
    " them",
    check=lambda given: not any(key.startswith((OWN_PREFIX, *UNSAFE_PREFIXES)) for key in given),
)
_LABEL_VALUE_RULE = spelled(
    r"(?:[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?)?",
    message="must be the value of a label: letters, digits, -, _ and ., first and last a letter or digit; correct it",
)
_QUANTITY_RULE = spelled(
    r"[0-9]+(?:\.[0-9]{1,3})?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?",
    message="must be an amount such as 500m, 2 or 512Mi; correct it",
)

LabelValue = Annotated[str, Field(max_length=63), _LABEL_VALUE_RULE]
Labels = Annotated[Mapping[str, LabelValue], Field(max_length=32), _KEY_RULE]
Quantity = Annotated[str, Field(min_length=1, max_length=16), _QUANTITY_RULE]


class Amounts(ApiModel):
    """Amounts of what a node has."""

    cpu: Quantity | None = None
    """Processor time, in cores: 500m is half of one."""
    memory: Quantity | None = None
    """Memory in bytes, e.g. 512Mi."""
    ephemeral_storage: Quantity | None = Field(default=None, alias="ephemeral-storage")
    """Disk in bytes, e.g. 1Gi."""


class Resources(ApiModel):
    """What each dispatcher may use."""

    requests: Amounts = Amounts(cpu="100m", memory="128Mi")
    """What the scheduler sets aside for a pod. Default: 100m of cpu, 128Mi of memory."""
    limits: Amounts = Amounts(memory="512Mi")
    """What a pod cannot exceed. Default: 512Mi of memory, no limit of cpu."""


class PodTemplate(ApiModel):
    """What is added to the pool's pods."""

    labels: Annotated[Labels, _OWN_LABELS_RULE] = Field(default={})
    """Labels of the pods, at most 32. Default: Jethook's own alone."""
    annotations: Annotated[
        Mapping[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32), _KEY_RULE, _ANNOTATIONS_RULE
    ] = Field(default={})
    """Annotations of the pods, at most 32. Default: none."""
    node_selector: Labels = Field(default={})
    """Labels that a node must have, at most 32. Default: none."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16, strict=False), ListType("atomic")] = ()
    """Taints of nodes that the pods bear, at most 16. Default: none."""
    affinity: Affinity | None = None
    """Nodes and pods that the pods are drawn to or kept from. Default: pods of the pool spread over nodes if they can,
    which stays so in addition."""
    priority_class_name: Annotated[
        str,
        Field(max_length=253),
        spelled(
            r"(?:[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)?",
            message="must be the name of a PriorityClass: a-z, 0-9, - and . only; correct it",
        ),
    ] = ""
    """PriorityClass of the pods. Default: the cluster's default one."""
