"""The buffers of the embedded server follow the memory that it may use."""

from __future__ import annotations

from pathlib import Path

import psycopg

from store.embedded.machine_memory import MIB, memory, shared_buffers


def test_buffers_follow_the_memory_within_bounds() -> None:
    found = [shared_buffers(gib * 1_024 * MIB) for gib in (0, 1, 4, 16, 256)]
    assert found == ["128MB", "128MB", "512MB", "2048MB", "2048MB"]


def test_a_limit_of_the_container_counts(tmp_path: Path) -> None:
    limit, unlimited = tmp_path / "memory.max", tmp_path / "none"
    limit.write_text("536870912\n")
    unlimited.write_text("max\n")
    machine = memory(())
    assert machine > 512 * MIB
    assert memory((str(limit),)) == 512 * MIB
    assert memory((str(unlimited), str(tmp_path / "missing"))) == machine


def test_the_embedded_server_has_them(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        row = connection.execute("SELECT pg_size_bytes(current_setting('shared_buffers'))").fetchone()
    assert row == (int(shared_buffers(memory()).removesuffix("MB")) * MIB,)
