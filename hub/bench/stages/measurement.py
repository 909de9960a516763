"""Where the hub's time goes behind the transport: the same messages through its parts, and the CPU of each.

Frames as a transport makes them go through decoding, filing, trackers, rules and the writer into an embedded
PostgreSQL, in batches of one size. What a part costs is CPU time of this process a message, so that neither the
database nor others at work on the machine are in it; there is no broker and no transport, and nothing works beside.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from time import process_time, time_ns
from typing import Any, cast

import msgspec
from psycopg_pool import AsyncConnectionPool

from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.registry import Registry
from devices.vocabulary import Batch, Frame, Written
from hub.alerting.desk import AlertDesk
from hub.alerting.service import Alerting
from hub.bench.load import mixed_payload, payload
from hub.bench.turns import STEP_US, name, rss_mib, spec
from hub.embedded.servers import EmbeddedServers
from hub.fleet.service import Tracking
from ingest.adapters.mqtt_json import NAME, MqttJson
from ingest.assembly import Assembler, IntakeRules
from store.alerts.actions import AlertActions
from store.alerts.history import AlertHistory
from store.alerts.rule_sets import RuleSets
from store.connection import session_parameters
from store.reading import ReadSession
from store.telemetry.copying import encode
from store.telemetry.devices_table import enter
from store.telemetry.partitions import ORIGIN
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession

PARTS = ("decode", "file", "trackers", "rules", "encode", "write")
WEEK = 7 * 86_400 * 1_000_000


class Stages(msgspec.Struct):
    """CPU, µs a message, of each part: with all of them (``with_us``), and without trackers and rules (``without_us``).

    ``rss_mib`` is the memory of this process at the end, ``rss_before_mib`` before the devices were heard.
    """

    devices: int
    messages: int
    batch: int
    mixed: bool
    rules: int
    parts_us: dict[str, float]
    with_us: float
    without_us: float
    rss_before_mib: float
    rss_mib: float


class _Timed:
    """A store before which a clock stands: the CPU seconds that its writes took, what it calls included."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.spent = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, batch: Batch, *also: Any) -> Written:
        begun = process_time()
        written: Written = await self._store.write(batch, *also)
        self.spent += process_time() - begun
        return written


class _Encoding(_Timed):
    """The same, and what encoding the batches takes: that is done a second time here."""

    def __init__(self, store: Any, catalogue: Catalogue) -> None:
        super().__init__(store)
        self._keys = {name: key for key, name in enumerate(catalogue.by_name)}
        self.aside = 0.0

    async def write(self, batch: Batch, *also: Any) -> Written:
        begun = process_time()
        encode(batch, self._keys, WEEK, ORIGIN)
        self.aside += process_time() - begun
        return await super().write(batch, *also)


class _Parts:
    """The parts of a hub over a store, with clocks between them."""

    def __init__(self, store: PostgresStore, pool: AsyncConnectionPool, registry: Registry) -> None:
        catalogue = Catalogue((*CATALOGUE, *DERIVED))
        reads, writes = ReadSession(pool, statement_timeout_s=60.0), WriteSession(pool)
        self._store = _Encoding(store, catalogue)
        watched = cast(PostgresStore, self._store)
        sets, actions = RuleSets(reads, writes), AlertActions(writes)
        self.alerting = Alerting(watched, AlertHistory(reads), sets, registry, catalogue, actions)
        self._alerts = _Timed(self.alerting.desk)
        self._tracking = Tracking(cast(AlertDesk, self._alerts), reads, registry)
        decoders = {NAME: MqttJson("sanihub", Catalogue())}
        self._assembler = Assembler(watched, registry, decoders, IntakeRules(), self._tracking.offsets)

    async def run(self, batches: Iterable[Sequence[Frame]], *, whole: bool) -> dict[str, float]:
        """Take every batch once, through trackers and rules or straight to the store; CPU seconds by part."""
        top: Any = self._tracking.desk if whole else self._store
        spent = dict.fromkeys(PARTS, 0.0)
        self._store.spent = self._store.aside = self._alerts.spent = 0.0
        for frames in batches:
            marks = [process_time()]
            claims = [self._assembler.decode(frame) for frame in frames]
            marks.append(process_time())
            batch = await self._assembler.assemble(claims)
            marks.append(process_time())
            await top.write(batch)
            marks.append(process_time())
            for part, begun, ended in zip(("decode", "file", "trackers"), marks, marks[1:], strict=False):
                spent[part] += ended - begun
        encoding, storing, alerts = self._store.aside, self._store.spent, self._alerts.spent
        inside = alerts if whole else storing + encoding
        spent["trackers"] -= inside
        spent["rules"] = inside - storing - encoding
        return spent | {"encode": encoding, "write": storing - encoding}


async def measure(messages: int, devices: int, batch: int, rounds: int, *, mixed: bool) -> Stages:
    """Run the whole bench over a database of its own; of each part the least of the rounds counts."""
    warm, run = max(1, 2 * devices // batch), max(1, messages // batch)
    messages = run * batch
    batches = _batches(_frames(devices, warm * batch + 2 * rounds * messages, mixed), batch)
    async with _parts(devices, mixed) as parts:
        before = rss_mib()
        await parts.run(islice(batches, warm), whole=True)
        found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
        for number in range(2 * rounds):
            gc.collect()
            whole = number % 2 == 0
            found[whole].append(await parts.run(islice(batches, run), whole=whole))
        rules = len(parts.alerting.desk.engine.book.current.rules)
    least = {part: min(one[part] for one in found[True]) * 1e6 / messages for part in PARTS}
    without = min(sum(one.values()) for one in found[False]) * 1e6 / messages
    return Stages(
        *(devices, messages, batch, mixed, rules),
        parts_us={part: round(value, 2) for part, value in least.items()},
        with_us=round(sum(least.values()), 2),
        without_us=round(without, 2),
        rss_before_mib=round(before),
        rss_mib=round(rss_mib()),
    )


def _frames(devices: int, count: int, mixed: bool) -> Iterator[Frame]:
    """What the load of the other benches publishes, up to the present, as a transport hands it over.

    They are made a batch at a time, while no clock runs, so that the memory of the hub's parts is not theirs.
    """
    words = mixed_payload if mixed else payload
    now = time_ns() // 1_000
    start = now - (count // devices + 1) * STEP_US
    for index in range(count):
        turn, device = divmod(index, devices)
        observed_at = start + turn * STEP_US + device
        yield Frame(NAME, "bench", f"sanihub/v1/{name(device)}/telemetry", words(device, turn, observed_at), now)


def _batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, size)):
        yield batch


@asynccontextmanager
async def _parts(devices: int, mixed: bool) -> AsyncIterator[_Parts]:
    """The parts over a database of their own, which knows the devices, and the rules that come along."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        async with EmbeddedServers(Path(folder) / "data", broker=False) as servers:
            store, registry = PostgresStore(servers.dsn, catalogue=Catalogue((*CATALOGUE, *DERIVED))), Registry()
            await store.open()
            pool = AsyncConnectionPool(kwargs=session_parameters(servers.dsn), min_size=0, max_size=2, open=False)
            await pool.open()
            try:
                await enter(servers.dsn, [spec(number, mixed=mixed) for number in range(devices)])
                for identity, device in await store.changed_devices(0):
                    registry.add(identity, device)
                parts = _Parts(store, pool, registry)
                await parts.alerting.open()
                yield parts
            finally:
                await pool.close()
                await store.close()
