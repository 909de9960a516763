"""What the running hub says of itself: state of its peers, counters, and the families of ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from api.ports import About, Connection, Endpoint, MetricFamily, Sample

if TYPE_CHECKING:
    from hub.bootstrap import Hub
    from hub.nmea_lines import NmeaLine
    from ingest.adapters.jt808 import Jt808Server


class Probe:
    """The hub's view of itself; answers from memory."""

    def __init__(self, hub: Hub, started_at: int) -> None:
        self._hub = hub
        self._started_at = started_at

    def about(self) -> About:
        """Version, mode and addresses."""
        hub = self._hub
        endpoints = [Endpoint("HTTP", hub.web.url)] if hub.web else []
        endpoints += [Endpoint(f"JT/T 808 {t.listener.name}", f"{t.tcp.host}:{t.tcp.port}") for t in hub.terminals]
        endpoints += [Endpoint(f"MQTT {s.broker.name}", f"{s.broker.host}:{s.broker.port}") for s in hub.subscribers]
        endpoints += [Endpoint(f"NMEA {line.section.name}", line.section.place) for line in hub.nmea_lines]
        return About(
            version=version("sanihub"),
            started_at=self._started_at,
            store_mode=hub.store.mode.value if hub.store.mode else "unknown",
            data_dir=str(hub.data),
            endpoints=tuple(endpoints),
        )

    def connections(self) -> Sequence[Connection]:
        """Brokers in the order of the settings, then the pipeline's way into the store."""
        hub = self._hub
        found = [
            Connection(name=f"MQTT {s.broker.name}", connected=s.connected, detail=s.condition.fault or "")
            for s in hub.subscribers
        ]
        found += [
            Connection(line.section.name, fault is None, kind="nmea", required=False, detail=fault or "")
            for line in hub.nmea_lines
            for fault in [line.transport.condition.fault]
        ]
        fault = hub.pipeline.store_condition.fault
        found.append(Connection(name="pipeline", connected=fault is None, kind="store", detail=fault or ""))
        return found

    def counters(self) -> Mapping[str, int | float]:
        """Counters of the pipeline since the start."""
        stats, pipeline = self._hub.pipeline.stats, self._hub.pipeline
        return {
            "messages_total": stats.frames,
            "rows_total": stats.rows,
            "duplicates_total": stats.duplicates,
            "redelivered_total": stats.redelivered,
            "dead_letters_total": sum(stats.dead_letters.values()),
            "batches_total": stats.batches,
            "in_flight": pipeline.in_flight,
            "spooled": self._hub.spool.waiting,
            "spool_lost_total": self._hub.spool.lost,
        }

    def families(self) -> Iterable[MetricFamily]:
        """The families of ``/metrics``."""
        hub, stats = self._hub, self._hub.pipeline.stats
        counters: list[tuple[str, str, float]] = [
            ("sanihub_frames_committed_total", "Frames whose fate is committed", stats.frames),
            ("sanihub_rows_inserted_total", "Rows of telemetry that were new", stats.rows),
            ("sanihub_rows_duplicate_total", "Rows of telemetry that were there already", stats.duplicates),
            ("sanihub_frames_redelivered_total", "Frames that a transport handed over again", stats.redelivered),
            ("sanihub_batches_committed_total", "Transactions committed", stats.batches),
            ("sanihub_prepare_seconds_total", "Time spent decoding and filing", stats.prepare_seconds),
            ("sanihub_commit_seconds_total", "Time spent waiting for commits", stats.commit_seconds),
            ("sanihub_spool_frames_lost_total", "Frames given up because the spool was full", hub.spool.lost),
        ]
        for name, text, value in counters:
            yield MetricFamily(name, text, (Sample(value),), "counter")
        letters = tuple(Sample(count, {"code": code}) for code, count in sorted(stats.dead_letters.items()))
        yield MetricFamily("sanihub_dead_letters_total", "Frames kept in dead letters", letters, "counter")
        received = tuple(Sample(s.received, {"broker": s.broker.name}) for s in hub.subscribers)
        yield MetricFamily("sanihub_mqtt_messages_received_total", "Messages received", received, "counter")
        up = tuple(Sample(float(s.connected), {"broker": s.broker.name}) for s in hub.subscribers)
        yield MetricFamily("sanihub_mqtt_connected", "1 while connected", up)
        yield from _terminal_families(hub.terminals)
        yield from _nmea_families(hub.nmea_lines)
        gauges: list[tuple[str, str, float]] = [
            ("sanihub_frames_in_flight", "Frames taken and not yet committed", hub.pipeline.in_flight),
            ("sanihub_spool_frames", "Frames waiting on disk", hub.spool.waiting),
            ("sanihub_store_up", "1 while the store takes batches", float(hub.pipeline.store_condition.fault is None)),
            ("sanihub_devices", "Devices known", len(hub.registry)),
        ]
        for name, text, value in gauges:
            yield MetricFamily(name, text, (Sample(value),))


def _terminal_families(servers: Sequence[Jt808Server]) -> Iterable[MetricFamily]:
    """Listeners for JT/T 808 terminals."""
    received = tuple(Sample(s.received, {"listener": s.listener.name}) for s in servers)
    yield MetricFamily("sanihub_jt808_frames_received_total", "Sound frames received", received, "counter")
    open_now = tuple(Sample(len(s.tcp), {"listener": s.listener.name}) for s in servers)
    yield MetricFamily("sanihub_jt808_connections", "Connections that are open", open_now)
    for name, text, counts in (
        ("sanihub_jt808_frames_refused_total", "Frames dropped or refused", [s.dropped for s in servers]),
        ("sanihub_jt808_connections_dropped_total", "Connections ended by the hub", [s.tcp.dropped for s in servers]),
    ):
        samples = tuple(
            Sample(count, {"listener": server.listener.name, "reason": reason})
            for server, counted in zip(servers, counts, strict=True)
            for reason, count in sorted(counted.items())
        )
        yield MetricFamily(name, text, samples, "counter")


def _nmea_families(lines: Sequence[NmeaLine]) -> Iterable[MetricFamily]:
    """What the NMEA connections saw; nothing where there are none."""
    counted = (
        ("sanihub_nmea_received_bytes_total", "Bytes received", "bytes"),
        ("sanihub_nmea_sentences_total", "Sound sentences", "sentences"),
        ("sanihub_nmea_epochs_total", "Epochs handed over", "epochs"),
        ("sanihub_nmea_garbage_total", "Pieces that are no sound sentence", "garbage"),
    )
    if not lines:
        return
    for name, text, field in counted:
        samples = tuple(Sample(getattr(line.tally, field), {"line": line.section.name}) for line in lines)
        yield MetricFamily(name, text, samples, "counter")
    peers = tuple(Sample(float(line.transport.peers), {"line": line.section.name}) for line in lines)
    yield MetricFamily("sanihub_nmea_peers", "Peers that are there now", peers)
