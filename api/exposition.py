"""Prometheus' text form of the hub's metrics: the families that the hub hands in, beside those of the process.

A registry of our own instead of prometheus_client's global one: two hubs in one process (tests) must not share it.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from api.ports.probe import Families, MetricFamily


def _prometheus(family: MetricFamily) -> PrometheusMetric:
    # The text form names a counter's family without the suffix and its samples with it.
    metric = PrometheusMetric(family.name.removesuffix("_total"), family.help, family.kind)
    name = metric.name + "_total" if family.kind == "counter" else family.name
    for sample in family.samples:
        metric.add_sample(name, dict(sample.labels), sample.value)
    return metric


class HubCollector(Collector):
    """Asks the hub at each scrape."""

    def __init__(self, families: Families) -> None:
        self._families = families

    def describe(self) -> list[PrometheusMetric]:
        """Nothing: registering must not ask a hub that is not running yet."""
        return []

    def collect(self) -> Iterator[PrometheusMetric]:
        """The families of this moment."""
        for family in self._families():
            yield _prometheus(family) if isinstance(family, MetricFamily) else family


class Exposition:
    """The registry behind ``/metrics``."""

    def __init__(self, families: Families) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(HubCollector(families))
        ProcessCollector(namespace="sanihub", registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Body and content type, text or OpenMetrics as the scraper accepts."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
