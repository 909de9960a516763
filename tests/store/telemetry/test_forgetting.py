"""What the store forgets: checkpoints of alerts and of trackers, but for the newest of each device."""

from __future__ import annotations

import psycopg
import pytest

from store.telemetry.forgetting import Keeping
from tests.intake import NOW, make_store

DAY = 86_400_000_000


@pytest.mark.parametrize("table", ["tracks", "tracker_states"])
async def test_old_checkpoints_go_and_the_newest_stays(postgres_dsn: str, table: str) -> None:
    store = make_store(postgres_dsn)
    await store.open()
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        insert = f"INSERT INTO {table} SELECT key, to_timestamp(%s), '\\x00' FROM devices WHERE id = %s"
        connection.execute(
            "INSERT INTO devices (id, kind, status) VALUES ('bin-1', 'bin', 'active'), ('bin-2', 'bin', 'active')"
        )
        for device, days in (("bin-1", 100), ("bin-1", 50), ("bin-1", 20), ("bin-1", 1), ("bin-2", 200), ("bin-2", 90)):
            connection.execute(insert.encode(), ((NOW - days * DAY) / 1e6, device))
        await store.maintain(Keeping())
        kept = connection.execute(
            f"SELECT d.id, round((%s - extract(epoch FROM at)) / 86400)::int FROM {table} t"
            " JOIN devices d ON d.key = t.device_key ORDER BY 1, 2".encode(),
            (NOW / 1e6,),
        ).fetchall()
    assert kept == [("bin-1", 1), ("bin-1", 20), ("bin-2", 90)]
    await store.close()
