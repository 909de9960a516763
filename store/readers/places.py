"""Where each device is, in one look: the area that people named for it, or its place, or its newest position."""

from __future__ import annotations

from typing import NamedTuple

from store.reading import ReadSession

# A place that a person has given stands before what was measured: bins and toilets stay where they were put.
_PLACES = """
SELECT d.id, CASE WHEN jsonb_typeof(d.attributes -> 'area') = 'string' THEN d.attributes ->> 'area' END,
       CASE WHEN p.given THEN (d.attributes ->> 'lon')::float8 ELSE s.lon END,
       CASE WHEN p.given THEN (d.attributes ->> 'lat')::float8 ELSE s.lat END
  FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
 CROSS JOIN LATERAL (
    SELECT jsonb_typeof(d.attributes -> 'lon') = 'number' AND jsonb_typeof(d.attributes -> 'lat') = 'number'
           AS given) AS p
 LIMIT %(most)s
"""
MOST = 200_000  #: devices; of more than that the rest is in no area


class DevicePlace(NamedTuple):
    """A device with the id of its area, or its position (WGS-84), or neither."""

    id: str
    area: str | None
    lon: float | None
    lat: float | None


class DevicePlaces:
    """Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def places(self) -> list[DevicePlace]:
        """All devices."""
        return [DevicePlace(*row) for row in await self._session.rows(_PLACES, {"most": MOST})]
