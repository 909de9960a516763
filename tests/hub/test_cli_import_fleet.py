"""``sanihub import`` of the fleet: what goes in, what is refused with its line, and that nothing is half imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
from click.testing import Result

from tests.hub.cli_runner import invoke, write

TABLES = ("routes", "areas", "places", "crews", "workers", "shifts", "plans")


def bring(dsn: str, *argv: object) -> Result:
    result = invoke("import", *argv, dsn=dsn)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def everything(dsn: str) -> dict[str, list[str]]:
    with psycopg.connect(dsn) as connection:
        return {
            table: sorted(str(row) for row in connection.execute(f"SELECT * FROM {table}".encode()))
            for table in (*TABLES, "audit")
        }


def ask(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode()).fetchall()


def feature(shape: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": shape, "coordinates": coordinates}, "properties": properties}


def collection(path: Path, *features: dict[str, Any], **members: Any) -> Path:
    return write(path, json.dumps({"type": "FeatureCollection", **members, "features": features}, indent=1))


LINE = [[114.30, 30.58], [114.31, 30.58]]
ROUTE = feature("LineString", LINE, role="route", id="route-1", kind="collect", name="East", name_zh="东线", passes=2)


def test_routes_with_their_ways_and_stops(postgres_dsn: str, tmp_path: Path) -> None:
    write(tmp_path / "devices.yaml", "- {id: bin-1, kind: bin}\n")
    collection(
        tmp_path / "routes.geojson",
        ROUTE,
        feature("MultiLineString", [[[114.29, 30.58], [114.30, 30.58]]], role="access", route="route-1"),
        feature(
            "Point", [114.302, 30.58], role="stop", route="route-1", id="s1", device="bin-1", windows=["06:00-08:30"]
        ),
        feature("Point", [114.2, 30.5, 21.0], role="tip", id="tip-1", radius_m=90),
        feature("Polygon", [[[114, 30], [115, 30], [115, 31], [114, 30]]], role="district", id="d-1", fid=7),
    )
    result = bring(postgres_dsn, tmp_path)
    assert result.exit_code == 0, result.output
    assert "left out: fid" in result.stdout
    ((content, version, since),) = ask(postgres_dsn, "SELECT content, version, valid_from::text FROM routes")
    assert (version, since) == (1, "1970-01-01 00:00:00+00")
    assert content["lines"] == [LINE]
    assert content["access"] == [[[114.29, 30.58], [114.30, 30.58]]]
    assert content["stops"][0]["windows"] == [{"start": 360, "end": 510}]
    assert (content["passes"], content["name_zh"]) == (2, "东线")
    before = everything(postgres_dsn)
    assert "0 new, 0 changed, 3 as they were" in bring(postgres_dsn, tmp_path / "routes.geojson").stdout
    assert everything(postgres_dsn) == before


def test_a_changed_route_is_a_new_version(postgres_dsn: str, tmp_path: Path) -> None:
    bring(postgres_dsn, collection(tmp_path / "a.geojson", ROUTE))
    changed = feature("LineString", [*LINE, [114.32, 30.59]], role="route", id="route-1", kind="collect")
    file = collection(tmp_path / "b.geojson", changed)
    assert bring(postgres_dsn, file, "--valid-from", "2026-12-01T00:00:00+08:00").exit_code == 0
    rows = ask(postgres_dsn, "SELECT version, valid_from::text, valid_until::text FROM routes ORDER BY version")
    assert rows == [(1, "1970-01-01 00:00:00+00", "2026-11-30 16:00:00+00"), (2, "2026-11-30 16:00:00+00", None)]
