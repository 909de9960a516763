"""From settings to what of InfluxDB the hub runs. What is off is not even imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.influx.settings import InfluxSection

if TYPE_CHECKING:
    from api.ports.telemetry import TelemetryReader
    from ingest.ports import Adapter


def sinks(section: InfluxSection, dsn: str) -> list[Adapter]:
    """The sink of these settings on the store at ``dsn``, if it is on."""
    if not section.enabled:
        return []
    from hub.influx.sink import InfluxSink

    return [InfluxSink(section, dsn)]


def history(section: InfluxSection, stored: TelemetryReader) -> TelemetryReader:
    """Who reads the history of devices: the store, or for series InfluxDB if the settings say so."""
    if not section.history:
        return stored
    from hub.influx.history import InfluxHistory
    from store.influx.client import InfluxClient
    from store.influx.series import InfluxSeries

    return InfluxHistory(stored, InfluxSeries(InfluxClient(section.target()), section.naming()))
