"""The intake of the hub in this process: frames in, rows out, without a broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg

from devices.metrics import Catalogue
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Frame, Outcome
from ingest.adapters.mqtt_json import NAME, MqttJson
from ingest.assembly import Assembler, IntakeRules
from store.telemetry.writer import PostgresStore

NOW = 1_795_392_000_000_000  # 2026-11-23T00:00:00Z


class Fate:
    """A delivery that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Outcome] = []

    def settle(self, outcome: Outcome) -> None:
        self.told.append(outcome)


def frame(message: Any, device: str = "bin-1", *, at: int = NOW, channel: str = "telemetry", **marks: Any) -> Frame:
    """A frame as the MQTT transport would hand it over."""
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Frame(NAME, "test", f"sanihub/v1/{device}/{channel}", payload, at, **marks)


def make_store(dsn: str, mode: str = "plain") -> PostgresStore:
    return PostgresStore(dsn, mode=mode, now=lambda: NOW)


def make_assembler(store: PostgresStore, unknown: UnknownPolicy = UnknownPolicy.REGISTER, **rules: Any) -> Assembler:
    catalogue = Catalogue()
    decoders = {NAME: MqttJson("sanihub", catalogue)}
    return Assembler(store, Registry(), decoders, IntakeRules(unknown=unknown, **rules))


async def ingest(store: PostgresStore, assembler: Assembler, frames: Sequence[Frame], chunk: int = 1_000) -> None:
    """Assemble and write frames in batches of `chunk`."""
    for start in range(0, len(frames), chunk):
        claims = [assembler.decode(item) for item in frames[start : start + chunk]]
        await store.write(await assembler.assemble(claims))


TABLES = {
    "readings": """SELECT d.id, m.name, r.observed_at, r.value, r.quality, r.claimed_at FROM readings r
                   JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key ORDER BY 1, 2, 3, 4""",
    "fixes": """SELECT d.id, f.observed_at, f.lat, f.lon, f.speed_kmh, f.seq, f.valid, f.quality FROM fixes f
                JOIN devices d ON d.key = f.device_key ORDER BY 1, 2, 6 NULLS FIRST, 3, 4, 5 NULLS FIRST, 7""",
    "events": """SELECT d.id, e.kind, e.observed_at, e.attributes::text, e.quality FROM events e
                 JOIN devices d ON d.key = e.device_key ORDER BY 1, 2, 3, 4""",
    "latest": """SELECT d.id, m.name, l.observed_at, l.value FROM latest_readings l
                 JOIN devices d ON d.key = l.device_key JOIN metrics m ON m.key = l.metric_key ORDER BY 1, 2""",
    "state": """SELECT d.id, s.fix_at, s.lat, s.lon, s.online FROM device_state s
                JOIN devices d ON d.key = s.device_key ORDER BY 1""",
}


def contents(dsn: str, *, tables: Sequence[str] = tuple(TABLES)) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that readers can see, in a fixed order."""
    with psycopg.connect(dsn) as connection:
        return {name: connection.execute(TABLES[name]).fetchall() for name in tables}


def clear(dsn: str) -> None:
    """Empty the telemetry tables, keeping devices."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in (
            "readings",
            "fixes",
            "events",
            "latest_readings",
            "device_state",
            "dead_letters",
            "receipts",
            "echoes",
        ):
            connection.execute(f"DELETE FROM {table}".encode())


def dead_letters(dsn: str) -> list[tuple[str, str]]:
    """(code, reason) of every dead letter, oldest first."""
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT code, reason FROM dead_letters ORDER BY id").fetchall()
