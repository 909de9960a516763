"""What a hub and its database hold at a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg

from tests.faults.harness.flatness import Bound

# Tables of what is, not of what was: with the same devices they must not grow. (Notes of the rollups are left out: the
# city's day lies behind the hub's clock, so that each of its hours is summed up late.)
STANDING = (
    "devices", "device_state", "latest_readings", "fleet_live", "dirty_spans", "tracker_dirty", "rollup_state",
    "device_areas", "looks",
)  # fmt: skip

BOUNDS: Mapping[str, Bound] = {
    "rss_mb": Bound(6.0, 0.05),
    "fds": Bound(3.0),
    "threads": Bound(1.0),
    "tasks": Bound(3.0),
    "children": Bound(0.5),
    "spool_kb": Bound(0.0),
    "files": Bound(2.0),
    "connections": Bound(1.0),
    "in_transaction": Bound(1.0),
    "standing_mb": Bound(1.0, 0.25),
    "waiting_rows": Bound(200.0),
}
"""How much each may grow within the judged part of a run, by its slope."""

_ACTIVITY = """
SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%%') FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
   AND application_name LIKE 'sanihub%%'
"""
_STANDING = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(%s::text[]) AS t (name)"
_WAITING = """
SELECT (SELECT count(*) FROM dirty_spans) + (SELECT count(*) FROM tracker_dirty)
     + (SELECT count(*) FROM outbox WHERE routed_at IS NULL)
     + (SELECT count(*) FROM deliveries WHERE delivered_at IS NULL AND given_up_at IS NULL)
"""


def sample(pid: int, dsn: str, data: Path, facts: Path) -> dict[str, float]:
    """Read everything. ``data`` is the hub's data folder, ``facts`` where :mod:`observed_hub` writes."""
    process = psutil.Process(pid)
    found: dict[str, float] = {
        "rss_mb": round(process.memory_info().rss / 2**20, 2),
        "fds": process.num_fds(),
        "threads": process.num_threads(),
        "children": len(process.children(recursive=True)),
        "tasks": json.loads(facts.read_text())["tasks"],
        "spool_kb": sum(one.stat().st_size for one in data.glob("spool/*.spool")) / 1024,
        "files": sum(1 for one in data.rglob("*") if one.is_file()),
    }
    with psycopg.connect(dsn, application_name="soak") as connection:
        activity = connection.execute(_ACTIVITY).fetchone()
        standing = connection.execute(_STANDING, [list(STANDING)]).fetchone()
        waiting = connection.execute(_WAITING).fetchone()
    assert activity is not None
    assert standing is not None
    assert waiting is not None
    found |= {"connections": activity[0], "in_transaction": activity[1], "waiting_rows": waiting[0]}
    return found | {"standing_mb": round(float(standing[0]) / 2**20, 3)}
