"""What the running hub says of itself: state of its peers, counters, and the families of ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from time import time_ns
from typing import TYPE_CHECKING

from api.ports.probe import About, Connection, Endpoint, MetricFamily, Sample
from ingest.ports import Counting, Figure, Standing

if TYPE_CHECKING:
    from hub.bootstrap import Hub


class Probe:
    """The hub's view of itself; answers from memory."""

    def __init__(self, hub: Hub, started_at: int) -> None:
        self._hub = hub
        self._started_at = started_at

    def _standings(self) -> Sequence[Standing]:
        return [*(adapter.standing() for adapter in self._hub.adapters), *self._hub.sender.standings()]

    def about(self) -> About:
        """Version, mode and addresses."""
        hub = self._hub
        endpoints = [Endpoint("HTTP", hub.web.url)] if hub.web else []
        endpoints += [Endpoint(one.title, one.address) for one in self._standings() if one.address]
        return About(
            version=version("sanihub"),
            started_at=self._started_at,
            store_mode=hub.store.mode.value if hub.store.mode else "unknown",
            store_capability=hub.store.capability.value if hub.store.capability else "unknown",
            data_dir=str(hub.data),
            endpoints=tuple(endpoints),
        )

    def connections(self) -> Sequence[Connection]:
        """Brokers in the order of the settings, the protocols' own connections, then the way into the store."""
        hub = self._hub
        found = [
            Connection(one.title, one.connected, kind=one.kind, required=one.required, detail=one.fault)
            for one in self._standings()
        ]
        fault = hub.pipeline.store_condition.fault or (None if hub.is_prepared else "the store is being prepared")
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
            (
                "sanihub_mqtt_floods_total",
                "Times an MQTT topic was flooded",
                sum(one.floods for one in hub.floods),
            ),
            ("sanihub_live_readers_dropped_total", "Readers that took nothing for too long", hub.follower.feed.dropped),
        ]
        for name, text, value in counters:
            yield MetricFamily(name, text, (Sample(value),), "counter")
        yield from hub.store_watch.families()
        letters = tuple(Sample(count, {"code": code}) for code, count in sorted(stats.dead_letters.items()))
        yield MetricFamily("sanihub_dead_letters_total", "Frames kept in dead letters", letters, "counter")
        yield from _families(figure for one in self._standings() for figure in one.figures)
        counting = [decoder for decoder in hub.decoders.values() if isinstance(decoder, Counting)]
        yield from _families(figure for decoder in counting for figure in decoder.figures())
        gauges: list[tuple[str, str, float]] = [
            ("sanihub_frames_in_flight", "Frames taken and not yet committed", hub.pipeline.in_flight),
            ("sanihub_spool_frames", "Frames waiting on disk", hub.spool.waiting),
            ("sanihub_store_up", "1 while the store takes batches", float(hub.pipeline.store_condition.fault is None)),
            ("sanihub_devices", "Devices known", len(hub.registry)),
            ("sanihub_live_readers", "Readers of the live stream", hub.follower.feed.readers),
            ("sanihub_live_states", "Newest states kept for the live stream", len(hub.follower.feed.newest)),
            (
                "sanihub_live_kept_events",
                "Alerts and orders kept for readers who come back",
                len(hub.follower.feed.ring),
            ),
            ("sanihub_live_waiting", "Changes noted and not yet told to the live stream", hub.follower.waiting),
        ]
        if (rollups := hub.rolling.standing) is not None:
            gauges.append(("sanihub_rollup_dirty_hours", "Hours of devices to be summed up again", rollups.dirty))
            lag = rollups.lag_s(time_ns() // 1_000)
            gauges.append(("sanihub_rollup_lag_seconds", "Time that is not summed up yet", lag))
            if rollups.refreshed_at is not None:
                refreshed = rollups.refreshed_at / 1e6
                gauges.append(("sanihub_rollup_refreshed_timestamp_seconds", "Last refresh by TimescaleDB", refreshed))
        for name, text, value in gauges:
            yield MetricFamily(name, text, (Sample(value),))


def _families(figures: Iterable[Figure]) -> Iterable[MetricFamily]:
    """Figures of all connections, gathered by their names."""
    gathered: dict[str, list[Figure]] = {}
    for figure in figures:
        gathered.setdefault(figure.name, []).append(figure)
    for name, several in gathered.items():
        samples = tuple(Sample(one.value, one.labels) for one in several)
        yield MetricFamily(name, several[0].help, samples, several[0].kind)
