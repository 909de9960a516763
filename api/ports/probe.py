"""What the running hub says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from prometheus_client import Metric as PrometheusMetric


class Connection(msgspec.Struct, frozen=True):
    """A connection of the hub to a peer. One that is not ``required`` may be down while the hub is ready."""

    name: str
    connected: bool
    kind: str = "broker"
    required: bool = True
    detail: str = ""


class Endpoint(msgspec.Struct, frozen=True):
    """A port on which the hub listens: a name for people (``MQTT``) and the address (``mqtt://0.0.0.0:1883``)."""

    name: str
    address: str


class About(msgspec.Struct, frozen=True):
    """What the hub says of itself. ``store_mode`` is ``plain`` or ``timescale``; ``started_at`` in µs.

    ``store_capability`` is what of TimescaleDB may be used: ``full``, ``apache`` or ``plain``.
    """

    version: str
    started_at: int
    store_mode: str
    data_dir: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    store_capability: str = "unknown"


class HubProbe(Protocol):
    """The running hub. Asked often, on the event loop: it answers from memory."""

    def about(self) -> About:
        """Version, mode and addresses."""

    def connections(self) -> Sequence[Connection]:
        """Brokers and other peers, in the order of the settings."""

    def counters(self) -> Mapping[str, int | float]:
        """Counters of the pipeline since the start, by name.

        ``messages_total`` (frames that were dealt with) has to be there: boards compute the rate from it.
        """


class Sample(msgspec.Struct, frozen=True):
    """One number of a family, with the labels that set it apart."""

    value: float
    labels: Mapping[str, str] = {}


class MetricFamily(msgspec.Struct, frozen=True):
    """A family of ``/metrics``: name ``sanihub_<noun>_<unit>_total`` for counters, help text, samples."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    kind: Literal["counter", "gauge"] = "gauge"


Families = Callable[[], Iterable[MetricFamily | PrometheusMetric]]
"""Asked at each scrape. Families of prometheus_client (a histogram) are passed on as they are."""
