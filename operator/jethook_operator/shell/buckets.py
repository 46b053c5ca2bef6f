"""Key-value buckets: those of a pool (plan, retries, status, members), and `jethook-objects`."""

from __future__ import annotations

from typing import Any

from jethook_contract import names
from jethook_operator.shell.jetstream import NANOSECONDS
from jethook_operator.shell.streams import DUPLICATE_WINDOW_SECONDS, Streams


async def ensure_pool_buckets(pool: str, *, streams: Streams, replicas: int) -> None:
    """Have the buckets of a pool; raises as `Streams.ensure` does."""
    for name in (names.plan_bucket, names.retries_bucket, names.status_bucket):
        await streams.ensure(_bucket(name(pool), replicas=replicas), metadata={})
    # Members read all leases and claims in one batched direct read; their rules bear an answer that lags.
    members = {**_bucket(names.members_bucket(pool), replicas=replicas), "allow_direct": True}
    await streams.ensure(members, metadata={})


async def ensure_objects_bucket(*, streams: Streams, replicas: int) -> None:
    """Have the bucket that holds statuses where no Kubernetes API does."""
    await streams.ensure(_bucket(names.OBJECTS_BUCKET, replicas=replicas), metadata={})


def bucket_stream(bucket: str) -> str:
    """Name the stream behind a bucket."""
    return f"KV_{bucket}"


def _bucket(bucket: str, *, replicas: int) -> dict[str, Any]:
    # As nats-py makes them, but without direct reads: a follower may answer those with what is no longer so.
    return {
        "name": bucket_stream(bucket),
        "subjects": [f"$KV.{bucket}.>"],
        "retention": "limits",
        "discard": "new",
        "storage": "file",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_msg_ttl": True,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS * NANOSECONDS,
    }
