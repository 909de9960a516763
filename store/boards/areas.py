"""Which devices lie in which areas, as boards read it: a table that follows what was found (``hub.area_keeper``)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from store.writing import WriteSession

# Only what differs is written: nothing at all while nobody moved. A device that was deleted meanwhile is passed over.
_FOLLOW = """
WITH found AS MATERIALIZED (
    SELECT DISTINCT d.key AS device_key, g.area
      FROM unnest(%(devices)s::text[], %(areas)s::text[]) AS g (device, area) JOIN devices d ON d.id = g.device
), gone AS (
    DELETE FROM device_areas a WHERE NOT EXISTS (
        SELECT FROM found f WHERE f.device_key = a.device_key AND f.area = a.area) RETURNING 1
), come AS (
    INSERT INTO device_areas (device_key, area)
    SELECT device_key, area FROM found f WHERE NOT EXISTS (
        SELECT FROM device_areas a WHERE a.device_key = f.device_key AND a.area = f.area)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM come)
"""


class DeviceAreas:
    """Raises TransientError while the store is away."""

    def __init__(self, writes: WriteSession) -> None:
        self._writes = writes

    async def follow(self, found: Mapping[str, Collection[str]]) -> int:
        """Let the table say what ``found`` says (ids of devices by area); how many rows came or went."""
        pairs = [(device, area) for area, devices in found.items() for device in devices]
        given = {"devices": [device for device, _ in pairs], "areas": [area for _, area in pairs]}
        async with self._writes.transaction() as connection:
            row = await (await connection.execute(_FOLLOW.encode(), given)).fetchone()
        return int(row[0]) if row else 0
