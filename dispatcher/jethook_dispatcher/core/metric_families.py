"""What a dispatcher tells over `/metrics`; `docs/observability.md` shows these tables, and a test compares the two.

A family that has a series for each endpoint stands in `ENDPOINT_FAMILIES` and is written by `endpoint_exposition.py`.
"""

from __future__ import annotations

from jethook_contract.metric_families import Family

_ENDPOINT = ("namespace", "endpoint")

ATTEMPTS = Family(
    "jethook_dispatcher_attempts_total",
    "counter",
    "Attempts that have ended; result is delivered, failed, aborted or disabled, code 2xx to 5xx, none or other.",
    (*_ENDPOINT, "result", "code"),
)
DURATION = Family(
    "jethook_dispatcher_attempt_duration_seconds",
    "histogram",
    "Time from the start of a request to the end of its answer, or to its failure.",
    _ENDPOINT,
)
DELIVERED = Family(
    "jethook_dispatcher_events_delivered_total", "counter", "Events that a receiver has accepted.", _ENDPOINT
)
RETRIED = Family(
    "jethook_dispatcher_events_retried_total",
    "counter",
    "Tries of events after their first; a batch counts for each of its events.",
    _ENDPOINT,
)
DEAD_LETTERED = Family(
    "jethook_dispatcher_events_dead_lettered_total",
    "counter",
    "Events that were given up and stored as dead letters.",
    (*_ENDPOINT, "reason"),
)
REFUSED = Family(
    "jethook_dispatcher_dead_letters_refused_total",
    "counter",
    "Times that the dead letters were full, so that an event waits instead.",
    _ENDPOINT,
)
BACKLOG = Family(
    "jethook_dispatcher_backlog_events",
    "gauge",
    "Events that wait; state is pending (never handed out) or unacknowledged (in flight, held or in back-off).",
    (*_ENDPOINT, "state"),
)
OLDEST = Family(
    "jethook_dispatcher_backlog_oldest_age_seconds",
    "gauge",
    "Age of the oldest event that waits, 0 when none does.",
    _ENDPOINT,
)
IN_FLIGHT = Family(
    "jethook_dispatcher_events_in_flight", "gauge", "Events whose attempt ran when the backlog was read.", _ENDPOINT
)
PARKED = Family("jethook_dispatcher_parked_keys", "gauge", "Keys of ordered Subscriptions that wait.", _ENDPOINT)
CIRCUIT = Family(
    "jethook_dispatcher_endpoint_circuit",
    "gauge",
    "1 for the state that the circuit is in (closed, half_open, open), 0 for the others.",
    (*_ENDPOINT, "state"),
)
LIMITED_BY = Family(
    "jethook_dispatcher_endpoint_limited",
    "gauge",
    "1 while something holds deliveries back; limited_by is the word of the status. Absent while nothing does.",
    (*_ENDPOINT, "limited_by"),
)
ALLOWED_RATE = Family(
    "jethook_dispatcher_endpoint_allowed_requests_per_second",
    "gauge",
    "Rate to which throttling or slow start hold an endpoint. Absent while its own limit counts.",
    _ENDPOINT,
)

ENDPOINT_FAMILIES = (
    ATTEMPTS,
    DURATION,
    DELIVERED,
    RETRIED,
    DEAD_LETTERED,
    REFUSED,
    BACKLOG,
    OLDEST,
    IN_FLIGHT,
    PARKED,
    CIRCUIT,
    LIMITED_BY,
    ALLOWED_RATE,
)

FAULTS = Family(
    "jethook_dispatcher_attempt_faults_total",
    "counter",
    "Attempts that ended without a complete answer, by reason.",
    ("reason",),
)
PARTS = Family("jethook_dispatcher_plan_parts", "gauge", "Subscriptions that this process serves.")
PARTS_REFUSED = Family(
    "jethook_dispatcher_plan_parts_refused", "gauge", "Subscriptions whose plan cannot be served; the log names them."
)
BUILD = Family("jethook_dispatcher_build_info", "gauge", "1; the version and the pool.", ("version", "pool"))
LOOP_BUSY = Family(
    "jethook_dispatcher_event_loop_busy_seconds_total",
    "counter",
    "Time that the event loop worked or waited for a CPU; its rate is the utilisation, 1 when it can do no more.",
)
NATS_CONNECTED = Family("jethook_dispatcher_nats_connected", "gauge", "1 while NATS is connected, else 0.")
NATS_RECONNECTS = Family("jethook_dispatcher_nats_reconnects_total", "counter", "Connections to NATS that came back.")
MEMBER = Family("jethook_dispatcher_member", "gauge", "1 while this process is a valid member of its pool, else 0.")
MEMBERS = Family("jethook_dispatcher_pool_members", "gauge", "Live members of the pool that this process sees.")
SHARDS = Family("jethook_dispatcher_shards_owned", "gauge", "Shards, of 256, for which this process may deliver.")
LANES = Family("jethook_dispatcher_lanes", "gauge", "Endpoints that have a lane here, owned or not.")
PREFETCHED = Family("jethook_dispatcher_prefetched_bytes", "gauge", "Bytes of events that the lanes hold.")
PREFETCH_LIMIT = Family(
    "jethook_dispatcher_prefetch_limit_bytes", "gauge", "Bytes above which no more events are asked for."
)
STATUS_WRITES = Family(
    "jethook_dispatcher_status_writes_total",
    "counter",
    "Statuses written; store is nats or kubernetes.",
    ("store",),
)
STATUS_FAILURES = Family(
    "jethook_dispatcher_status_write_failures_total",
    "counter",
    "Statuses that could not be written and are tried again.",
    ("store",),
)
LOG_BATCHES = Family("jethook_dispatcher_attempt_log_batches_total", "counter", "Batches of the attempts log stored.")
LOG_RECORDS = Family("jethook_dispatcher_attempt_log_records_total", "counter", "Records of the attempts log stored.")
LOG_DROPPED = Family(
    "jethook_dispatcher_attempt_log_records_dropped_total", "counter", "Records of the attempts log that were lost."
)

PROCESS_FAMILIES = (
    BUILD,
    NATS_CONNECTED,
    NATS_RECONNECTS,
    MEMBER,
    MEMBERS,
    SHARDS,
    LANES,
    PARTS,
    PARTS_REFUSED,
    LOOP_BUSY,
    PREFETCHED,
    PREFETCH_LIMIT,
    FAULTS,
    STATUS_WRITES,
    STATUS_FAILURES,
    LOG_BATCHES,
    LOG_RECORDS,
    LOG_DROPPED,
)
