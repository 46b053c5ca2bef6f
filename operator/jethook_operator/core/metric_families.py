"""What the operator tells over `/metrics`; `docs/observability.md` shows this table, and a test compares the two."""

from __future__ import annotations

from jethook_contract.metric_families import Family

BUILD = Family(
    "jethook_operator_build_info", "gauge", "1; the version and the provider of objects.", ("version", "provider")
)
LEADER = Family(
    "jethook_operator_leader", "gauge", "1 while this process leads, 0 while it stands by; 1 where none is elected."
)
NATS_CONNECTED = Family("jethook_operator_nats_connected", "gauge", "1 while NATS is connected, else 0.")
NATS_RECONNECTS = Family("jethook_operator_nats_reconnects_total", "counter", "Connections to NATS that came back.")
OBJECTS = Family("jethook_operator_objects", "gauge", "Objects that the operator sees.", ("kind",))
RECONCILES = Family(
    "jethook_operator_reconciles_total",
    "counter",
    "Reconciles; result is done (also where the status tells a user's fault), unavailable (tried again) or bug.",
    ("kind", "result"),
)
RECONCILE_DURATION = Family(
    "jethook_operator_reconcile_duration_seconds", "histogram", "Time that a reconcile took.", ("kind",)
)
QUEUE_DEPTH = Family("jethook_operator_workqueue_depth", "gauge", "Objects that wait for a worker.")
QUEUE_OLDEST = Family(
    "jethook_operator_workqueue_oldest_age_seconds", "gauge", "How long the first object in the queue has waited."
)
QUEUE_RETRYING = Family(
    "jethook_operator_workqueue_retrying", "gauge", "Objects whose last reconcile failed and that come back later."
)
QUEUE_ADDED = Family("jethook_operator_workqueue_adds_total", "counter", "Objects that were put into the queue.")
JETSTREAM = Family(
    "jethook_operator_jetstream_requests_total",
    "counter",
    "Requests to JetStream; operation as STREAM.CREATE or CONSUMER.DELETE, result ok, not_found or error.",
    ("operation", "result"),
)
ORPHANS_HELD = Family(
    "jethook_operator_orphans_held",
    "gauge",
    "Removals of what is left of gone objects that are held because they would take too much at once.",
)
API_REQUESTS = Family(
    "jethook_operator_api_requests_total",
    "counter",
    "Requests to the Kubernetes API; verb is get, watch, apply, create, update or delete, code 2xx to 5xx or none."
    " Kubernetes only.",
    ("verb", "code"),
)
WATCH_LISTS = Family(
    "jethook_operator_watch_lists_total",
    "counter",
    "Times that a watch began with a list: at the start, and after it broke. Kubernetes only.",
    ("kind",),
)
WATCH_AGE = Family(
    "jethook_operator_watch_age_seconds",
    "gauge",
    "Time since a watch was last seen to live: an event, or a request that was accepted. Kubernetes only.",
    ("kind",),
)
EVENTS_DROPPED = Family(
    "jethook_operator_events_dropped_total", "counter", "Kubernetes Events that found no room. Kubernetes only."
)
POOL_DESIRED = Family(
    "jethook_pool_desired_replicas",
    "gauge",
    "Dispatchers that scaling mode Builtin wants; absent in mode External. Kubernetes only.",
    ("pool",),
)
POOL_UTILIZATION = Family(
    "jethook_pool_utilization_ratio",
    "gauge",
    "Share of their time that a pool's dispatchers are at work, on average, 0 to 1; absent without. Kubernetes only.",
    ("pool",),
)
POOL_DELIVERABLE = Family(
    "jethook_pool_deliverable_backlog",
    "gauge",
    "Events never handed out that wait for a dispatcher and not for their endpoint. Kubernetes only.",
    ("pool",),
)
POOL_UNDELIVERED = Family(
    "jethook_pool_undelivered_events",
    "gauge",
    "All events that are not delivered yet, those in back-off among them. Kubernetes only.",
    ("pool",),
)

OF_POOLS = (POOL_DESIRED, POOL_UTILIZATION, POOL_DELIVERABLE, POOL_UNDELIVERED)
OF_KUBERNETES = (API_REQUESTS, WATCH_LISTS, WATCH_AGE, EVENTS_DROPPED, *OF_POOLS)

FAMILIES = (
    BUILD,
    LEADER,
    NATS_CONNECTED,
    NATS_RECONNECTS,
    OBJECTS,
    RECONCILES,
    RECONCILE_DURATION,
    QUEUE_DEPTH,
    QUEUE_OLDEST,
    QUEUE_RETRYING,
    QUEUE_ADDED,
    JETSTREAM,
    ORPHANS_HELD,
    *OF_KUBERNETES,
)
