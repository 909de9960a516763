"""What InfluxDB should hold of a database, worked out from plain rows; and settings for a sink of the tests."""

from __future__ import annotations

from typing import Any

import psycopg

from devices.instants import from_datetime
from hub.influx.settings import InfluxSection
from tests.influx_server import BUCKET, ORG, TOKEN, InfluxServer, Key

_READINGS = """
SELECT d.id, r.observed_at, m.name, r.value, r.quality, r.received_at FROM readings r
  JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
"""
_FIXES = """
SELECT d.id, f.observed_at, f.valid, coalesce(f.seq, -9223372036854775808), f.variant, f.quality, f.received_at,
       f.lat, f.lon, f.altitude_m, f.speed_kmh, f.heading_deg, f.hdop, f.satellites
  FROM fixes f JOIN devices d ON d.key = f.device_key ORDER BY 1, 2, 3, 4, 5
"""
_FIGURES = ("lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites")


def expected(dsn: str) -> dict[Key, dict[str, Any]]:
    """The points of everything that is stored, by the rules of docs/influx.md."""
    points: dict[Key, dict[str, Any]] = {}
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        for device, at, metric, value, quality, received_at in connection.execute(_READINGS):
            point = points.setdefault(("readings", (("device", device),), from_datetime(at)), {})
            point[metric] = max(value, point.get(metric, value))
            point["quality"] = point.get("quality", 0) | quality
            point["received_us"] = max(from_datetime(received_at), point.get("received_us", 0))
        for device, at, valid, _, _, quality, received_at, *figures in connection.execute(_FIXES):
            point = points.setdefault(("fixes", (("device", device),), from_datetime(at)), {})
            found = {name: float(value) for name, value in zip(_FIGURES, figures, strict=True) if value is not None}
            point.update(found, valid=valid, quality=quality)  # better ones come later in the order
            point["received_us"] = max(from_datetime(received_at), point.get("received_us", 0))
    return points


def section(server: InfluxServer, **fields: Any) -> InfluxSection:
    """Settings of a sink on the server, impatient enough for tests."""
    quick = {"every_s": 0.05, "most_wait_s": 0.2, "timeout_s": 5.0}
    chosen = quick | fields
    return InfluxSection(enabled=True, url=server.url, org=ORG, bucket=BUCKET, token=TOKEN, **chosen)


def section_text(server: InfluxServer, **fields: Any) -> str:
    """The same as lines of a settings file."""
    lines = ["[influx]", "enabled = true", f'url = "{server.url}"', f'org = "{ORG}"', f'bucket = "{BUCKET}"']
    lines += [f'token = "{TOKEN}"', *(f"{name} = {value}" for name, value in fields.items())]
    return "\n".join(lines) + "\n"
