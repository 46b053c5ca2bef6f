"""The columns that `kubectl get` and `jethook get` print, as data: one source for the CRDs and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the type and path of its value, and `priority` 1 where only `-o wide` shows it.

    A `date` is shown as an age; a time in the future has to be a `string`, since kubectl prints `<invalid>` for it.
    """

    name: str
    type: Literal["string", "integer", "date"]
    json_path: str
    priority: Literal[0, 1] = 0


_READY = Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status')
_AGE = Column("Age", "date", ".metadata.creationTimestamp")

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "WebhookEndpoint": (
        _READY,
        Column("Delivering", "string", '.status.conditions[?(@.type=="Delivering")].status'),
        Column("State", "string", ".status.delivery.state"),
        Column("Success %", "integer", ".status.delivery.successPercent"),
        Column("Backlog", "integer", ".status.delivery.backlog"),
        Column("Oldest", "date", ".status.delivery.oldestUndeliveredTime"),
        Column("Last Delivery", "date", ".status.delivery.lastDeliveryTime"),
        _AGE,
        Column("URL", "string", ".status.url", priority=1),
        Column("Limited By", "string", ".status.delivery.limitedBy", priority=1),
        Column("Next Attempt", "string", ".status.delivery.nextAttemptTime", priority=1),
        Column("Last Error", "string", ".status.delivery.lastError.reason", priority=1),
        Column("Pool", "string", ".spec.poolRef.name", priority=1),
    ),
    "Subscription": (
        _READY,
        Column("State", "string", ".status.delivery.state"),
        Column("Endpoint", "string", ".spec.endpointRef.name"),
        Column("Types", "string", ".status.types"),
        Column("Backlog", "integer", ".status.delivery.backlog"),
        Column("Delivered", "integer", ".status.delivery.delivered"),
        Column("Dead Letters", "integer", ".status.delivery.deadLettered"),
        _AGE,
        Column("Delivering", "string", '.status.conditions[?(@.type=="Delivering")].status', priority=1),
        Column("Oldest", "date", ".status.delivery.oldestUndeliveredTime", priority=1),
        Column("Parked Keys", "integer", ".status.delivery.parkedKeyCount", priority=1),
        Column("Last Error", "string", ".status.delivery.lastError.reason", priority=1),
    ),
    "DispatcherPool": (
        _READY,
        Column("Replicas", "integer", ".status.replicas"),
        Column("Desired", "integer", ".status.scaling.desiredReplicas"),
        Column("Min", "integer", ".spec.minReplicas"),
        Column("Max", "integer", ".spec.maxReplicas"),
        _AGE,
        Column("Mode", "string", ".spec.scaling.mode", priority=1),
        Column("Scaling", "string", ".status.scaling.reason", priority=1),
        Column("Utilization %", "integer", ".status.scaling.utilizationPercent", priority=1),
    ),
}
