"""What the operator shows over HTTP: its metrics, whether it lives, whether it is ready."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from nats.aio.client import Client
from prometheus_client import Counter, Histogram, generate_latest

from jethook_contract.metrics import Readings, new_registry
from jethook_operator.core import metric_families as families
from jethook_operator.core.resources import Kind
from jethook_operator.shell.operation import Operation
from jethook_operator.shell.settings import OperatorSettings

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Monitoring:
    """Be what `serve` shows; until `watch` was called there is a process, and no operator yet."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._client: Client | None = None
        self._work: Operation | None = None
        self._registry = new_registry()
        one = families.RECONCILES
        self._reconciles = Counter(one.name, one.help, one.labels, registry=self._registry)
        one = families.RECONCILE_DURATION
        self._durations = Histogram(one.name, one.help, one.labels, buckets=_BUCKETS, registry=self._registry)
        build = (version("jethook"), settings.provider)
        self._registry.register(
            Readings({families.BUILD: lambda: {build: 1}, families.NATS_CONNECTED: lambda: self._connected})
        )

    def reconciled(self, kind: Kind, result: str, seconds: float) -> None:
        """Take the end of a reconcile."""
        self._reconciles.labels(kind, result).inc()
        self._durations.labels(kind).observe(seconds)

    def watch(self, work: Operation, *, client: Client) -> None:
        """Show this operator from now on; called once."""
        self._client, self._work = client, work
        self._registry.register(
            Readings({families.NATS_RECONNECTS: lambda: client.stats["reconnects"], **work.readings()})
        )

    async def metrics(self) -> Sequence[bytes]:
        """Write all metrics: some hundred lines, whatever the number of objects."""
        return (generate_latest(self._registry),)

    def alive(self) -> str:
        """Say why the process had better be started anew; the answer itself proves that the event loop lives."""
        if self._client is not None and self._client.is_closed:
            return "NATS closed the connection for good"
        return "" if self._work is None else self._work.ailment

    def ready(self) -> str:
        """Say what is lacking for reconciles; a process that stands by lacks nothing."""
        if not self._connected:
            return "not connected to NATS"
        missing = () if self._work is None else self._work.missing_kinds
        return f"not listed yet: {', '.join(missing)}" if missing else ""

    @property
    def _connected(self) -> bool:
        return self._client is not None and self._client.is_connected
