"""A process's registry of metrics: values that are read when somebody looks, so that counting costs an addition.

Imported only where `/metrics` is served: it needs `prometheus-client`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from jethook_contract.metric_families import Family, Reading


class Readings:
    """Be a collector of counters and gauges: each family with the function that gives its value."""

    def __init__(self, readings: Mapping[Family, Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Read every value now."""
        for family, read in self._readings.items():
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            values = read()
            for labels, value in (values if isinstance(values, Mapping) else {(): values}).items():
                metric.add_metric(labels, value)
            yield metric


def new_registry() -> CollectorRegistry:
    """Make a registry that holds what is true of every Python process: CPU, memory, open files, the collector."""
    # A further series for each counter, saying when it was made: Prometheus's text format has no use for it.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return registry
