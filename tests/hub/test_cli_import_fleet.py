"""``sanihub import`` of the fleet: what goes in, what is refused with its line, and that nothing is half imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result

from devices.datum import wgs84_to_gcj02
from tests.hub.cli_runner import invoke
from tests.hub.cli_runner import write as write_there

TABLES = ("routes", "areas", "places", "crews", "workers", "shifts", "plans")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    return write_there(path, text)


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


BOW_TIE = [[[114.0, 30.0], [114.1, 30.1], [114.1, 30.0], [114.0, 30.1], [114.0, 30.0]]]
BAD = {
    "self-crossing": (
        "bad.geojson",
        json.dumps({"type": "FeatureCollection", "features": [feature("Polygon", BOW_TIE, role="grid", id="g")]}),
        (),
        "bad.geojson:1: features[0].polygons: not a polygon: crosses itself at 114.05 30.05",
    ),
    "exchanged": (
        "bad.csv",
        "id,role,lon,lat\ntip-9,tip,114.3,30.5\ntip-8,tip,30.5,114.3\n",
        (),
        "bad.csv:3: lon: longitude and latitude are exchanged: got 30.5, 114.3",
    ),
    "far away": (
        "bad.csv",
        "id,role,lon,lat\ndepot-9,depot,52.5,13.4\n",
        (),
        "bad.csv:2: geometry: longitude and latitude are exchanged: far from everything else",
    ),
    "empty route": (
        "bad.yaml",
        "routes:\n- {id: r, kind: sweep, lines: LINESTRING EMPTY}\n",
        (),
        "bad.yaml:2: routes[0].lines: is empty",
    ),
    "wrong column": ("bad.csv", "id,role,lon,lat,radius\n", (), "bad.csv:1: header: column radius: no field of places"),
    "unknown route": (
        "bad.csv",
        "route,id,lon,lat\nroute-9,s1,13.4,52.5\n",
        (),
        "bad.csv:2: route: route-9: there is no such route",
    ),
    "unknown ids": (
        "bad.csv",
        "date,shift,route,vehicle\n2026-11-24,early,route-1,vehicle-9\n",
        (),
        "bad.csv:2: vehicle: vehicle-9: there is none among the devices",
    ),
    "unknown bin": (
        "bad.yaml",
        "routes:\n- id: r\n  kind: collect\n  lines: LINESTRING (13.4 52.5, 13.41 52.5)\n"
        "  stops:\n  - {id: s1, lon: 13.4, lat: 52.5}\n  - {id: s2, lon: 13.4, lat: 52.5, device: bin-9}\n",
        (),
        "bad.yaml:7: routes[0].stops[1].device: bin-9: there is none among the devices",
    ),
    "twice": ("bad.csv", "id,name,role\nw1,A,driver\nw1,B,driver\n", (), "bad.csv:3: id: w1 stands in line 2 already"),
    "two datums": (
        "bad.geojson",
        json.dumps({"type": "FeatureCollection", "datum": "gcj02", "features": []}),
        ("--datum", "bd09"),
        "bad.geojson:1: datum: the file says gcj02, and --datum says bd09",
    ),
    "strange crs": (
        "bad.geojson",
        json.dumps({"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:2437"}}, "features": []}),
        (),
        "bad.geojson:1: crs: expected WGS-84",
    ),
    "no line": (
        "bad.gpx",
        '<gpx><trk><name>r</name><trkseg>\n<trkpt lat="1" lon="2"/></trkseg></trk></gpx>',
        (),
        "bad.gpx:1: trk.line[0]: expected a line",
    ),
    "quote": ("bad.csv", 'id,name,role\nw1,"A,driver\n', (), "bad.csv:2: a quote is not closed"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_costs_the_whole_import_and_says_where(postgres_dsn: str, tmp_path: Path, name: str) -> None:
    berlin = [[13.40, 52.50], [13.41, 52.50]]
    own = feature("LineString", berlin, role="route", id="route-1", kind="sweep")
    assert bring(postgres_dsn, collection(tmp_path / "first.geojson", own)).exit_code == 0
    before = everything(postgres_dsn)
    sound = feature("LineString", berlin, role="route", id="route-2", kind="sweep")
    collection(tmp_path / "new" / "sound.geojson", sound)
    write(tmp_path / "new" / "early.csv", "id,start,end\nearly,05:00,13:00\n")
    file, text, argv, says = BAD[name]
    write(tmp_path / "new" / file, text)
    result = invoke("import", tmp_path / "new", *argv, dsn=postgres_dsn)
    assert result.exit_code != 0
    assert says in (result.stderr + str(result.exception)).replace(f"{tmp_path}/new/", "")
    assert everything(postgres_dsn) == before


def test_gcj02_that_is_declared_is_brought_to_wgs84(postgres_dsn: str, tmp_path: Path) -> None:
    there = [list(reversed(wgs84_to_gcj02(lat, lon))) for lon, lat in LINE]
    own = feature("LineString", there, role="route", id="route-1", kind="sweep")
    file = collection(tmp_path / "routes.geojson", own, datum="gcj02")
    result = bring(postgres_dsn, file)
    assert "converted from GCJ-02" in result.stdout
    ((line,),) = ask(postgres_dsn, "SELECT content -> 'lines' -> 0 FROM routes")
    assert [pytest.approx(point, abs=2e-7) for point in LINE] == line
    before = everything(postgres_dsn)
    bring(postgres_dsn, collection(tmp_path / "same.geojson", own), "--datum", "gcj02")
    assert everything(postgres_dsn) == before


def test_stops_and_lines_of_a_stored_route(postgres_dsn: str, tmp_path: Path) -> None:
    bring(postgres_dsn, collection(tmp_path / "a.geojson", ROUTE))
    write(tmp_path / "b" / "stops.csv", "route,id,lon,lat\nroute-1,s1,114.301,30.58\nroute-1,s2,114.302,30.58\n")
    write(
        tmp_path / "b" / "line.gpx",
        '<gpx><rte><name>route-1</name><rtept lat="30.58" lon="114.30"/><rtept lat="30.59" lon="114.31"/></rte></gpx>',
    )
    result = bring(postgres_dsn, tmp_path / "b")
    assert result.exit_code == 0, result.output
    (_, (version, content)) = ask(postgres_dsn, "SELECT version, content FROM routes ORDER BY version")
    assert version == 2
    assert (content["passes"], content["lines"]) == (2, [[[114.30, 30.58], [114.31, 30.59]]])
    assert [stop["id"] for stop in content["stops"]] == ["s1", "s2"]
    assert "0 new, 0 changed, 1 as they were" in bring(postgres_dsn, tmp_path / "b").stdout


def test_a_dry_run_checks_and_opens_no_store(tmp_path: Path) -> None:
    collection(tmp_path / "a.geojson", ROUTE)
    write(tmp_path / "plans.csv", "date,shift,route,vehicle\n2026-11-31,early,route-1,vehicle-1\n")
    result = invoke("import", tmp_path, "--dry-run", dsn="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.exit_code == 1
    assert "plans.csv:2: date: expected a date" in result.stderr
    assert "nothing was written" in result.stdout


def test_devices_of_the_same_import_come_first_and_telemetry_last(postgres_dsn: str, tmp_path: Path) -> None:
    write(tmp_path / "z-devices.csv", "id,kind\nvehicle-1,vehicle\n")
    collection(tmp_path / "m.geojson", ROUTE)
    write(tmp_path / "plans.csv", "date,shift,route,vehicle\n2026-11-24,early,route-1,vehicle-1\n")
    write(tmp_path / "shifts.csv", "id,start,length\nearly,05:00,480\n")
    write(tmp_path / "a-track.csv", "device,time,lat,lon\nvehicle-1,2026-10-01T08:00:00Z,30.58,114.3\n")
    result = bring(postgres_dsn, tmp_path)
    assert result.exit_code == 0, result.output
    assert ask(postgres_dsn, "SELECT count(*) FROM fixes") == [(1,)]
    assert ask(postgres_dsn, "SELECT id, on_date FROM plans") == [
        ("2026-11-24:early:route-1:vehicle-1", "2026-11-24"),
    ]
    assert ask(postgres_dsn, "SELECT details -> 'files' FROM audit WHERE action = 'fleet.enter'") == [
        (["m.geojson", "plans.csv", "shifts.csv"],)
    ]


def test_export_at_an_instant_and_for_dates(postgres_dsn: str, tmp_path: Path) -> None:
    bring(postgres_dsn, collection(tmp_path / "a.geojson", ROUTE))
    changed = feature("LineString", LINE, role="route", id="route-1", kind="collect", passes=5)
    bring(postgres_dsn, collection(tmp_path / "b.geojson", changed), "--valid-from", "2026-06-01T00:00:00Z")
    old = invoke("export", "fleet", "--format", "geojson", "--at", "2026-05-01T00:00:00Z", dsn=postgres_dsn).stdout
    new = invoke("export", "fleet", "--format", "geojson", "--at", "2026-06-01T00:00:00Z", dsn=postgres_dsn).stdout
    passes = [json.loads(text)["features"][0]["properties"]["passes"] for text in (old, new)]
    assert passes == [2, 5]


def test_a_plan_is_exported_with_its_route_though_that_has_ended(postgres_dsn: str, tmp_path: Path) -> None:
    """As routes of planned collections have: what is exported can be imported into an empty store."""
    ended = feature(
        "LineString", LINE, role="route", id="tour-1", kind="collect",
        valid_from="2026-05-01T00:00:00Z", valid_until="2026-05-01T08:00:00Z",
    )  # fmt: skip
    write(tmp_path / "in" / "devices.csv", "id,kind\nvehicle-1,vehicle\n")
    collection(tmp_path / "in" / "m.geojson", ended)
    write(tmp_path / "in" / "plans.csv", "date,shift,route,vehicle\n2026-05-01,early,tour-1,vehicle-1\n")
    write(tmp_path / "in" / "shifts.csv", "id,start,length\nearly,05:00,480\n")
    assert bring(postgres_dsn, tmp_path / "in").exit_code == 0
    file = tmp_path / "fleet.yaml"
    assert invoke("export", "fleet", "-o", file, dsn=postgres_dsn).exception is None
    assert "0 new, 0 changed, 3 as they were" in bring(postgres_dsn, file).stdout
    query = "SELECT id, version, valid_from, valid_until, content FROM routes"
    before = ask(postgres_dsn, query)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE routes, shifts, plans")
    assert "3 new, 0 changed" in bring(postgres_dsn, file).stdout
    assert ask(postgres_dsn, query) == before


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("import", "x.geojson", "--datum", "mars"), "--datum: expected one of wgs84, gcj02, bd09; got 'mars'"),
        (("import", "x.geojson", "--valid-from", "May"), "--valid-from: 'May' is no time"),
        (("export", "fleet", "--at", "May"), "--at: 'May' is no time"),
        (("export", "fleet", "--from", "May"), "--from: expected a date such as 2026-11-24, got 'May'"),
        (("export", "fleet", "--format", "csv"), "--output: csv is several tables; name a folder for them"),
    ],
)
def test_wrong_options_are_one_clear_line(postgres_dsn: str, argv: tuple[str, ...], says: str) -> None:
    assert says in str(invoke(*argv, dsn=postgres_dsn).exception)
