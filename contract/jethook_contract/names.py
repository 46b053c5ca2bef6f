"""Names of streams, consumers, buckets and metadata keys in NATS (design section 4).

Namespaces, endpoints, subscriptions and pools are DNS labels, so none holds a dot and each is one NATS token.
"""

from __future__ import annotations

ATTEMPTS_STREAM = "JETHOOK_ATTEMPTS"
EVENTS_STREAM_PREFIX = "JETHOOK_EVENTS_"
DEADLETTERS_STREAM_PREFIX = "JETHOOK_DEADLETTERS_"
RETIRED_STREAM_PREFIX = "JETHOOK_RETIRED_"
SUBSCRIPTION_CONSUMER_PREFIX = "sub_"
SWEEP_CONSUMER_PREFIX = "sweep_"
OBJECTS_BUCKET = "jethook-objects"  # the operator's half of each object's status, where no Kubernetes API holds it
POOL_KEY = "pool"  # key of the PoolPlan in a plan bucket; plan parts have keys with dots

METADATA_INSTALL_ID = "jethook.io/install-id"
METADATA_NAMESPACE_UID = "jethook.io/namespace-uid"
METADATA_UID = "jethook.io/uid"
METADATA_RETIRED = "jethook.io/retired"  # JSON list of plan.RetiredType
METADATA_ORPHANED_AT = "jethook.io/orphaned-at"  # RFC 3339; written when the object of a consumer is gone

QUOTA_ANNOTATION = "jethook.io/events-max-bytes"  # on a Namespace, set by the platform

SECRET_LABEL = "jethook.io/use"  # noqa: S105 -- the name of a label, not a secret
DEFAULT_POOL = "default"
OPERATOR_MANAGER = "jethook-operator"
DISPATCHER_MANAGER = "jethook-dispatcher"


def events_stream(namespace: str) -> str:
    """Name the stream that holds the events of one namespace."""
    return f"{EVENTS_STREAM_PREFIX}{namespace}"


def deadletters_stream(namespace: str) -> str:
    """Name the stream that holds the dead letters of one namespace."""
    return f"{DEADLETTERS_STREAM_PREFIX}{namespace}"


def retired_stream(namespace: str, uid: str) -> str:
    """Name the stream that keeps, for the grace, what a namespace held that is gone; `uid` was the namespace's."""
    return f"{RETIRED_STREAM_PREFIX}{namespace}_{uid}"


def subscription_consumer(subscription: str) -> str:
    """Name the durable consumer of one Subscription."""
    return f"{SUBSCRIPTION_CONSUMER_PREFIX}{subscription}"


def sweep_consumer(subscription: str) -> str:
    """Name the consumer that frees what a removed Subscription leaves behind."""
    return f"{SWEEP_CONSUMER_PREFIX}{subscription}"


def plan_bucket(pool: str) -> str:
    """Name the bucket in which the operator lays the plan of one pool."""
    return f"jethook-plan-{pool}"


def members_bucket(pool: str) -> str:
    """Name the bucket of leases and claims of one pool."""
    return f"jethook-members-{pool}"


def retries_bucket(pool: str) -> str:
    """Name the bucket of attempt counts of one pool."""
    return f"jethook-retries-{pool}"


def status_bucket(pool: str) -> str:
    """Name the bucket of what the dispatchers of one pool report."""
    return f"jethook-status-{pool}"


def plan_key(namespace: str, endpoint: str, subscription: str) -> str:
    """Name the key of one plan part."""
    return f"{namespace}.{endpoint}.{subscription}"


def lease_key(member: str) -> str:
    """Name the lease key of one member."""
    return f"lease.{member}"


def claim_key(shard: int) -> str:
    """Name the claim key of one shard (0 to 255)."""
    return f"claim.{shard}"
