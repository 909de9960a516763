"""Keys for tests, straight into the table: without an entry of the audit, and without a process for each."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from devices.access import Role, fingerprint, new_key


def make_key(dsn: str, role: Role | str, *, device: str | None = None, areas: Sequence[str] | None = None) -> str:
    """A key of a role. Raises psycopg's errors while there are no tables yet."""
    key, prefix = new_key()
    name = Role(role).value
    insert = "INSERT INTO api_keys (prefix, hash, name, role, device_id, areas) VALUES (%s, %s, %s, %s, %s, %s)"
    limits = None if areas is None else list(areas)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(insert, (prefix, fingerprint(key), f"test {name}", name, device, limits))
    return key
