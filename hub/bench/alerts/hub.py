"""The same city through the hub's own parts and PostgreSQL: pipeline, desk, timers and repair, a slice at a time.

The clock is the city's: what arrives in a slice of its time is stored, then time passes, then what came late is
repaired, as in a running hub. What the store holds in the end must be what the history of each device makes by itself.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from psycopg_pool import AsyncConnectionPool

from alerts.engine import Engine
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Frame, Identity, Outcome
from hub.alerting.desk import AlertDesk
from hub.alerting.repair import Repairer
from hub.bench.alerts.city import AlertCity
from hub.bench.alerts.scores import PREFIX, default_book, detect
from hub.embedded.servers import EmbeddedServers
from ingest.adapters.mqtt_json import NAME, MqttJson
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Bounds, Pipeline
from store.alerts.history import AlertHistory
from store.benches.alert_watch import Line, history, rung
from store.connection import session_parameters
from store.reading import ReadSession
from store.telemetry.devices_table import DeviceSpec, enter
from store.telemetry.writer import PostgresStore

SLICE = 20 * 1_000_000  #: of the city's time, µs
GRACE = 10 * 1_000_000  #: after the end: how long a waking waits for data that is on its way


class Replayed(msgspec.Struct):
    """What a city came to in a hub.

    ``rung`` are the alerts that rang a bell, by rule; ``recalled`` those of them that a repair took back.
    """

    lines: list[Line]
    repairs: int
    rung: dict[str, int]
    recalled: dict[str, int]


class _Noted:
    """A delivery that nobody waits for."""

    def settle(self, outcome: Outcome) -> None:
        """See :class:`devices.vocabulary.Delivery`."""
        assert outcome is Outcome.COMMITTED


class Agreement(msgspec.Struct):
    """Whether the hub's alerts are those of the histories, and what rang in the hub meanwhile."""

    seed: int
    hours: float
    alerts: int
    differing: list[Line]
    repairs: int
    rung: int
    recalled: dict[str, int]


async def agree(seed: int, hours: float) -> Agreement:
    """Send a city through a hub over a database of its own, and compare."""
    city = AlertCity(seed, hours)
    pure = {
        (device, one.rule, one.scope, one.raised_at, one.cleared_at)
        for device, own in detect(city).items()
        for one in own
    }
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        async with EmbeddedServers(Path(name) / "data", broker=False) as servers:
            found = await replay(city, servers.dsn)
    differing = sorted(pure ^ set(found.lines), key=str)
    return Agreement(seed, hours, len(pure), differing, found.repairs, sum(found.rung.values()), found.recalled)


async def replay(city: AlertCity, dsn: str) -> Replayed:
    """Send the city through a hub over an empty database."""
    catalogue = Catalogue((*CATALOGUE, *DERIVED))
    store, registry = PostgresStore(dsn, catalogue=catalogue, now=lambda: city.begin), Registry()
    await store.open()
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False)
    await pool.open()
    time = _Time(city.begin)
    try:
        specs = [
            DeviceSpec(one.id, one.kind, attributes=one.attributes, identities=(Identity("id", one.id),))
            for one in city.devices.values()
        ]
        await enter(dsn, specs)
        for identity, device in await store.changed_devices(0):
            registry.add(identity, device)
        engine = Engine(default_book(city.begin))
        desk = AlertDesk(store, AlertHistory(ReadSession(pool)), engine, catalogue, now=time.now)
        rules = IntakeRules(unknown=UnknownPolicy.REJECT)
        assembler = Assembler(desk, registry, {NAME: MqttJson(PREFIX, Catalogue())}, rules, city.tracker)
        repairer = Repairer(desk, registry.by_key)
        pipeline = Pipeline(desk, assembler, Bounds(linger_s=0))
        await _live(city, pipeline, desk, repairer, time)
    finally:
        await pool.close()
        await store.close()
    return await asyncio.to_thread(_read, dsn, repairer.repairs)


class _Time:
    """The city's clock."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        """The instant, µs."""
        return self.at


async def _live(city: AlertCity, pipeline: Pipeline, desk: AlertDesk, repairer: Repairer, time: _Time) -> None:
    carrying = asyncio.create_task(pipeline.run())
    try:
        for until, frames in _slices(city):
            time.at = until
            for frame in frames:
                pipeline.offer(frame, _Noted())
            await pipeline.drained()
            while await desk.pass_time():
                pass
            await repairer.mend_all()
    finally:
        pipeline.stop()
        await carrying


def _slices(city: AlertCity) -> Iterator[tuple[int, Sequence[Frame]]]:
    """Slices of the city's time with what arrives in each, and its end when nothing more is due."""
    frames = iter(city.frames)
    waiting = next(frames, None)
    for until in [*range(city.begin + SLICE, city.end, SLICE), city.end, city.end + GRACE]:
        taken = []
        while waiting is not None and (waiting.received_at <= until):
            taken.append(waiting)
            waiting = next(frames, None)
        yield until, taken


def _read(dsn: str, repairs: int) -> Replayed:
    rang: Counter[str] = Counter()
    recalled: Counter[str] = Counter()
    for rule, retracted, count in rung(dsn):
        rang[rule] += count
        recalled[rule] += count if retracted else 0
    return Replayed(sorted(history(dsn), key=str), repairs, dict(rang), {k: v for k, v in recalled.items() if v})
