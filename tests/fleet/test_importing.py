"""Files of master data: what they give, and what each kind of mistake ends with."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.datum import gcj02_to_bd09, wgs84_to_gcj02
from fleet.exporting.documents import to_geojson, to_tables, to_yaml
from fleet.importing.clock_words import minutes, weekdays
from fleet.importing.feature_lines import JsonFaultError, read_listing
from fleet.importing.gathering import Gathered
from fleet.importing.geojson import from_geojson
from fleet.importing.gpx import from_gpx
from fleet.importing.joining import join
from fleet.importing.listing import from_yaml
from fleet.importing.tables import from_rows, table_kind
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window

LINE = [[114.30, 30.58], [114.31, 30.58]]
SQUARE = [[114.0, 30.0], [114.1, 30.0], [114.1, 30.1], [114.0, 30.1], [114.0, 30.0]]
BOW_TIE = [[114.0, 30.0], [114.1, 30.1], [114.1, 30.0], [114.0, 30.1], [114.0, 30.0]]


def feature(shape: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


def geojson(*features: Any, **members: Any) -> str:
    lines = ",\n".join(json.dumps(one) for one in features)
    head = "".join(f"{json.dumps(name)}: {json.dumps(value)}, " for name, value in members.items())
    return f'{{"type": "FeatureCollection", {head}"features": [\n{lines}\n]}}'


def route(line: Any = LINE, **properties: Any) -> dict[str, Any]:
    return feature("LineString", line, **{"role": "route", "id": "r1", "kind": "sweep"} | properties)


def area(ring: Any, **properties: Any) -> dict[str, Any]:
    return feature("Polygon", [ring], **{"role": "grid", "id": "a1"} | properties)


def told(found: Gathered) -> list[str]:
    return [f"{fault.line}: {fault}" for fault in sorted(found.faults)]


def only(found: Gathered) -> Any:
    assert told(found) == []
    (one,) = found.found
    return one.item


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ([area(BOW_TIE)], "2: features[0].polygons: not a polygon: crosses itself at 114.05 30.05"),
        ([area(SQUARE[:-1])], "2: features[0].polygons[0][0]: expected a closed ring"),
        ([route([[30.58, 114.30], [30.58, 114.31]])], "2: features[0].lines[0]: longitude and latitude are exchanged"),
        ([route([[200, 30], [201, 30]])], "2: features[0].lines[0]: expected degrees of WGS-84, longitude first"),
        ([route([])], "2: features[0].lines: is empty"),
        ([route([LINE[0]])], "2: features[0].lines: expected a line of at least two different positions, got 1"),
        ([route([LINE[0], LINE[0]])], "2: features[0].lines: expected a line of at least two different positions"),
        ([route([LINE[0], ["a", 1]])], "2: features[0].lines[1]: expected a longitude and a latitude"),
        ([route([LINE[0], 7])], "2: features[0].lines[1]: expected a position [longitude, latitude], got 7"),
        ([route(), route(id="r2", kind="dance")], "3: features[1].kind: expected sweep, spray, collect, patrol"),
        ([route(passes="two")], "2: features[0].passes: expected a whole number; got 'two'"),
        ([route(corridor_m=0)], "2: features[0].corridor_m: expected 1 to 5000, got 0"),
        ([route(coridor_m=30)], "2: features[0].properties.coridor_m: unknown; corridor_m was meant?"),
        ([route(id="no id!")], "2: features[0].id: expected 1 to 64 letters"),
        ([route(work=["bruch"])], "2: features[0].work: 'bruch' is no metric"),
        ([route(work_min_kmh=50)], "2: features[0].work_max_kmh: expected more than work_min_kmh, 50"),
        ([route(valid_from="May")], "2: features[0].valid_from: 'May' is no time"),
        ([feature("LineString", LINE, role="route", id="r1")], "2: features[0].kind: missing"),
        ([feature("Point", LINE[0], role="route", id="r1", kind="sweep")], "features[0].lines: expected a LineString"),
        ([feature("LineString", LINE)], "2: features[0].role: expected route, access, stop, depot"),
        ([feature("LineString", LINE, role="grid", id="a1")], "2: features[0].width_m: missing; lines need it"),
        ([feature("LineString", LINE, role="tip", id="t1")], "2: features[0].geometry: expected a Point"),
        ([feature("LineString", LINE, role="access")], "2: features[0].route: expected the id of the route"),
        (
            [route(stops=[{"id": "s", "lon": 114.3, "lat": 30.5, "windows": ["8:00-7:00"]}])],
            "stops[0].windows: ends be",
        ),
        ([route(stops=[{"id": "s", "lon": 114.3}])], "2: features[0].stops[0].lat: missing"),
        ([route(stops=[{"id": "s", "lon": 114.3, "lat": 30.5}] * 2)], "2: features[0].stops[1].id: s stands twice"),
        ([{"type": "Feature"}], "2: features[0].properties: expected an object"),
        ([7], "2: features[0]: expected a Feature"),
        ([], "1: features: is empty"),
    ],
)
def test_a_bad_feature_ends_with_its_line_and_the_reason(features: list[Any], says: str) -> None:
    assert says in "\n".join(told(from_geojson(geojson(*features))))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"type": "FeatureCollection",\n "features": [\n{"a": 1},\n{"a": }]}', "4: not JSON: expecting value"),
        ('{"type": "FeatureCollection", "features": [', "1: not JSON"),
        ('{"type": "FeatureCollection", "features": [{"x": NaN}]}', "1: not JSON: NaN is no number"),
        ('{"type": "Topology"}', "1: type: expected FeatureCollection, got 'Topology'"),
        ("[]", "1: not JSON: expected {"),
        (geojson(route(), crs={"type": "name", "properties": {"name": "EPSG:3857"}}), "1: crs: expected WGS-84"),
        (geojson(route(), datum="mars"), "1: datum: expected wgs84, gcj02, bd09; got 'mars'"),
    ],
)
def test_a_bad_file_ends_with_its_line_and_the_reason(text: str, says: str) -> None:
    found = from_geojson(text)
    assert says in "\n".join(told(found))
    assert found.found == []


def test_datum_of_the_file_or_of_the_caller_but_not_two_of_them() -> None:
    there = [list(reversed(wgs84_to_gcj02(lat, lon))) for lon, lat in LINE]
    for found in (from_geojson(geojson(route(there), datum="gcj02")), from_geojson(geojson(route(there)), "gcj02")):
        assert [pytest.approx(point, abs=2e-7) for point in LINE] == [list(point) for point in only(found).lines[0]]
        assert "off by a metre" in found.notes[0]
    assert (
        "the file says gcj02, and --datum says bd09" in told(from_geojson(geojson(route(), datum="gcj02"), "bd09"))[0]
    )
    lat, lon = gcj02_to_bd09(*wgs84_to_gcj02(30.58, 114.30))
    place = only(from_geojson(geojson(feature("Point", [lon, lat], role="tip", id="t", ), crs="bd09")))  # fmt: skip
    assert (place.lat, place.lon) == (pytest.approx(30.58, abs=2e-5), pytest.approx(114.30, abs=2e-5))
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert only(from_geojson(geojson(route(), crs=named))).lines[0][0] == (114.30, 30.58)


def test_exchanged_positions_far_from_everything_else() -> None:
    berlin = [[52.52, 13.40], [52.53, 13.41]]
    file = from_geojson(geojson(route(berlin)))
    assert told(file) == []
    ((number, fault),) = join([file], {}, near=(13.4, 52.5)).faults
    assert (number, fault.line, fault.field) == (0, 2, "features[0].geometry")
    assert "exchanged" in fault.reason
    assert join([file], {}, near=None).faults == []
    assert join([file], {}, near=(-70.0, -33.0)).faults == []  # elsewhere, and no nearer the other way round


def test_ids_stand_once_over_all_files() -> None:
    first, second = from_geojson(geojson(route(), route())), from_geojson(geojson(route()))
    assert [(number, str(fault)) for number, fault in join([first, second], {}).faults] == [
        (0, "features[1].id: r1 stands in line 2 already"),
        (1, "features[0].id: r1 stands in another file of this import already"),
    ]


def test_a_stop_of_a_route_that_nobody_knows() -> None:
    file = from_geojson(geojson(feature("Point", LINE[0], role="stop", id="s1", route="r9")))
    ((_, fault),) = join([file], {}).faults
    assert str(fault) == "features[0].route: r9: there is no such route"
    assert join([file], None).faults == []  # nobody was asked


GPX = """<?xml version="1.0"?>
<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1">
<trk><name>r1</name>{type}
<trkseg><trkpt lat="30.58" lon="114.30"><ele>20</ele></trkpt><trkpt lat="30.58" lon="114.31"/></trkseg>
<trkseg><trkpt lat="30.59" lon="114.31"/>
<trkpt lat="{lat}" lon="114.32"/></trkseg></trk>
</gpx>
"""


def test_a_track_gives_a_route_its_line() -> None:
    file = from_gpx(GPX.format(type="<type>patrol</type>", lat="30.60"))
    (made,) = join([file], {}).master.routes
    assert made == Route("r1", 0, "patrol", (tuple(map(tuple, LINE)), ((114.31, 30.59), (114.32, 30.60))))
    known = Route("r1", 3, "sweep", (((0.0, 0.0), (1.0, 1.0)),), corridor_m=33.0, stops=(Stop("s", 114.3, 30.58),))
    nameless = from_gpx(GPX.format(type="", lat="30.60"))
    (renewed,) = join([nameless], {"r1": known}).master.routes
    assert renewed == msgspec.structs.replace(known, version=0, lines=made.lines)
    ((_, fault),) = join([nameless], {}).faults
    assert "r1 is a new route; expected its kind" in str(fault)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GPX.format(type="", lat="95"), "5: trk.line[1][1]: expected degrees"),
        (GPX.format(type="", lat="north"), "5: trk.line[1][1]: expected a longitude and a latitude"),
        (GPX.format(type="<type>walk</type>", lat="30.6"), "3: trk.type: expected sweep, spray, collect, patrol"),
        (GPX.replace("r1", "East round").format(type="", lat="30.6"), "3: trk.name: expected the id of a route"),
        ("<gpx><trk><name>r1</name></trk></gpx>", "1: trk.line[0]: expected a line of at least two"),
        ("<gpx>", "1: not XML: no element found"),
        ("<kml></kml>", "1: expected the element gpx, got kml"),
        ("<gpx></gpx>", "holds neither a track (trk) nor a route (rte)"),
        ('<!DOCTYPE gpx [<!ENTITY a "b">]>\n<gpx>&a;</gpx>', "declares a document type"),
    ],
)
def test_a_bad_gpx(text: str, says: str) -> None:
    assert says in "\n".join(told(from_gpx(text)))


YAML = """
routes:
  - id: r1
    kind: collect
    lines: LINESTRING (114.30 30.58, 114.31 30.58)
    stops:
      - {id: s1, lon: 114.302, lat: 30.58, windows: ["06:00-08:30"]}
areas:
  - {id: a1, kind: rest, polygons: "POLYGON ((114 30, 114.1 30, 114.1 30.1, 114 30))"}
shifts:
  - {id: night, start: "22:00", end: "06:00", weekdays: mon-fri, breaks: ["04:00-04:30"]}
plans:
  - date: 2026-11-24
    shift: night
    route: r1
    vehicle: vehicle-1
"""


def test_a_list_of_everything() -> None:
    file = from_yaml(YAML)
    assert told(file) == []
    made, zone, shift, plan = (one.item for one in file.found)
    assert made.stops == (Stop("s1", 114.302, 30.58, windows=(Window(360, 510),)),)
    assert zone.polygons[0][0][0] == (114.0, 30.0)
    assert shift == Shift("night", 1_320, 480, weekdays=(0, 1, 2, 3, 4), breaks=((240, 30),))
    assert plan == Plan("2026-11-24:night:r1:vehicle-1", date(2026, 11, 24), "night", route="r1", vehicle="vehicle-1")
    assert [one.line for one in file.found] == [3, 9, 11, 13]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("kind: collect", "kinds: collect"), "4: routes[0].kinds: unknown field; expected id, kind"),
        (("114.30 30.58, ", ""), "5: routes[0].lines: expected a line of at least two different positions, got 1"),
        (("114.31 30.58)", "114.31)"), "5: routes[0].lines: expected a geometry such as LINESTRING"),
        (('"06:00-08:30"', "at noon"), "7: routes[0].stops[0].windows: expected HH:MM-HH:MM"),
        (
            ("114 30, 114.1 30, 114.1 30.1, 114 30", "114 30, 115 31, 115 30, 114 31, 114 30"),
            "9: areas[0].polygons: not",
        ),
        (("mon-fri", "someday"), "11: shifts[0].weekdays: expected mon to sun"),
        (("04:00-04:30", "07:30-08:30"), "11: shifts[0].breaks: expected spans within the 480 minutes"),
        (('end: "06:00"', 'end: "06:00", zone: Mars/Base'), "11: shifts[0].zone: no time zone is named 'Mars/Base'"),
        (("date: 2026-11-24", "date: tomorrow"), "13: plans[0].date: expected a date such as 2026-11-24"),
        (("    route: r1\n", ""), "13: plans[0].route: expected either a route or an area"),
        (("    vehicle: vehicle-1\n", ""), "13: plans[0].vehicle: expected somebody who does it"),
        (("areas:", "ares:"), "8: ares: unknown; expected routes"),
        (("areas:", "datum: utm\nareas:"), "8: datum: expected wgs84"),
    ],
)
def test_a_bad_list(change: tuple[str, str], says: str) -> None:
    assert says in "\n".join(told(from_yaml(YAML.replace(*change))))


def rows(text: str) -> Gathered:
    header, *lines = (line.split(",") for line in text.splitlines())
    kind = table_kind(header)
    assert kind is not None
    cells = (
        (number, {name: cell for name, cell in zip(header, line, strict=True) if cell})
        for number, line in enumerate(lines, 2)
    )
    return from_rows(kind, cells)


def test_tables() -> None:
    assert only(rows("id,role,lon,lat,radius_m,name_zh\ntip-1,tip,114.3,30.5,90,北洋桥\n")) == Place(
        "tip-1", "tip", 114.3, 30.5, 90.0, name_zh="北洋桥"
    )
    assert only(rows("id,name,role,active\nw1,张伟,driver,false\n")) == Worker("w1", "张伟", "driver", active=False)
    assert only(rows("id,start,end,weekdays\nlate,13:00,21:00,mon;wed-fri\n")) == Shift(
        "late", 780, 480, weekdays=(0, 2, 3, 4)
    )
    assert only(rows("id,name,supervisor\nc1,East,w1\n")) == Crew("c1", "East", supervisor="w1")
    assert only(rows("id,date,shift,area,workers\np1,2026/11/24,late,post-1,w1;w2\n")) == Plan(
        "p1", date(2026, 11, 24), "late", area="post-1", workers=("w1", "w2")
    )
    stops = rows("route,id,lon,lat,windows,service_s\nr1,s1,114.3,30.5,06:00-07:00;22:00-25:00,60\n")
    assert [one.stop for one in stops.loose] == [
        Stop("s1", 114.3, 30.5, windows=(Window(360, 420), Window(1_320, 1_500)), service_s=60.0)
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,role,lon,lat\ntip-1,tip,30.5,114.3\n", "2: lon: longitude and latitude are exchanged"),
        ("id,role,lon,lat\ntip-1,tip,x,30\n", "2: lon: expected a number; got 'x'"),
        ("id,role,lon,lat\ntip-1,bank,114,30\n", "2: role: expected depot, tip, fuel"),
        ("id,start,length\nlate,25:00,480\n", "2: start: expected 0 to 1439, got 1500"),
        ("id,start,length\nlate,13:00,0\n", "2: length: expected 1 to 1440, got 0"),
        ("date,shift,route,vehicle\n2026-11-31,s,r,v\n", "2: date: expected a date"),
        ("id,name,role\n", "1: has no rows"),
    ],
)
def test_bad_rows(text: str, says: str) -> None:
    assert says in "\n".join(told(rows(text)))


def test_which_tables_are_the_fleets() -> None:
    assert table_kind(["id", "kind", "name", "role"]) is None  # devices, with an attribute
    assert table_kind(["device", "time", "lat", "lon"]) is None
    assert table_kind(["id", "name"]) is None


@pytest.mark.parametrize("wrong", ["25", "8.5", "eight", -1, True, None, "49:00", "12:60"])
def test_what_is_no_hour(wrong: Any) -> None:
    if wrong == "25":
        assert minutes(wrong) == 25
        return
    with pytest.raises(ValueError, match="expected"):
        minutes(wrong)


def test_days_of_the_week_go_round() -> None:
    assert weekdays("fri-mon") == (0, 4, 5, 6)
    assert weekdays(["sunday", 2]) == (2, 6)


ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
lon = st.floats(-180, 180).map(lambda degrees: degrees + 0.0)
lat = st.floats(-90, 90).map(lambda degrees: degrees + 0.0)
lines = st.lists(st.tuples(lon, lat), min_size=2, max_size=5, unique=True).map(tuple)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=20)
spans = st.tuples(st.integers(0, 1_400), st.integers(1_401, 2_000)).map(lambda span: Window(*span))
stops = st.builds(Stop, ids, lon, lat, names, st.none() | ids, st.none() | st.floats(0, 1e5), st.floats(1, 100),
                  st.lists(spans, max_size=2).map(tuple))  # fmt: skip
routes = st.builds(
    Route, ids, st.just(0), st.sampled_from(["sweep", "collect"]), st.lists(lines, min_size=1, max_size=2).map(tuple),
    names, names, st.lists(lines, max_size=2).map(tuple), st.sampled_from(["forward", "both", "any"]),
    st.integers(1, 9), work=st.sampled_from([(), ("pto",), ("brush", "spray")]),
    stops=st.lists(stops, max_size=3, unique_by=lambda stop: stop.id).map(tuple),
    valid_until=st.none() | st.just(1_780_272_000_000_001),
)  # fmt: skip
masters = st.builds(
    Master,
    routes=st.lists(routes, max_size=3, unique_by=lambda one: one.id).map(tuple),
    places=st.lists(st.builds(Place, ids, st.just("tip"), lon, lat, name=names), max_size=3,
                    unique_by=lambda one: one.id).map(tuple),
    areas=st.lists(st.builds(Area, ids, st.just(0), st.just("post"), lines=st.lists(lines, min_size=1, max_size=2)
                             .map(tuple), width_m=st.floats(1, 100)), max_size=2, unique_by=lambda a: a.id).map(tuple),
    crews=st.lists(st.builds(Crew, ids, names, names, st.none() | ids), max_size=2,
                   unique_by=lambda one: one.id).map(tuple),
    workers=st.lists(st.builds(Worker, ids, names, st.sampled_from(["driver", "cleaner"]), st.none() | ids,
                               active=st.booleans()), max_size=3, unique_by=lambda one: one.id).map(tuple),
    shifts=st.lists(st.builds(Shift, ids, st.integers(0, 1_439), st.integers(60, 1_440),
                              breaks=st.sampled_from([(), ((10, 5), (30, 30))]),
                              withdrawn=st.none() | st.just(1_780_272_000_000_001),
                              weekdays=st.sampled_from([(0, 1, 2, 3, 4, 5, 6), (2,), (0, 6)])), max_size=3,
                    unique_by=lambda one: one.id).map(tuple),
    plans=st.lists(st.builds(Plan, ids, st.dates(date(2020, 1, 1), date(2030, 1, 1)), ids, route=ids, vehicle=ids,
                             workers=st.lists(ids, max_size=2).map(tuple), note=names, withdrawn=st.booleans()),
                   max_size=3,
                   unique_by=lambda one: one.id).map(tuple),
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])  # which depends on the machine
@given(masters)
def test_what_is_written_is_read_back_the_same(master: Master) -> None:
    if master != Master():
        joined = join([from_yaml(to_yaml(master))], {})
        assert (joined.master, joined.faults) == (master, [])
    if master.routes or master.places or master.areas:
        joined = join([from_geojson(to_geojson(master))], {})
        assert joined.faults == []
        assert (joined.master.routes, joined.master.places, joined.master.areas) == (
            master.routes, master.places, master.areas,
        )  # fmt: skip


@given(st.text(max_size=200))
def test_any_text_gives_faults_and_no_exception(text: str) -> None:
    for read in (from_geojson, from_gpx, from_yaml):
        found = read(text)
        assert found.faults or found.found or found.loose or read is from_yaml


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda one: st.lists(one, max_size=3) | st.dictionaries(
                        st.sampled_from(["id", "role", "kind", "type", "coordinates", "name"]), one, max_size=4),
                    max_leaves=12))  # fmt: skip
def test_any_properties_and_geometry_give_faults_and_no_exception(value: Any) -> None:
    for one in (
        {"type": "Feature", "properties": value, "geometry": value},
        route(value),
        feature("Polygon", value, role="grid", id="a"),
        feature("Point", value, role="tip", id="a"),
        route(stops=value, windows=value, valid_from=value, work=value, access=value),
    ):
        from_geojson(json.dumps({"type": "FeatureCollection", "features": [one]}))
    from_yaml(json.dumps({"routes": value, "plans": [value], "shifts": [{"start": value, "weekdays": value}]}))


@given(st.text(max_size=40))
def test_lines_of_items_are_those_of_the_text(filler: str) -> None:
    text = '{"note": ' + json.dumps(filler) + ',\n\n"features": [1,\n\n{"a": "x\\ny"}, [\n2]\n, 3 ]}'
    listing = read_listing(text, "features")
    assert listing.items == [(3, 1), (5, {"a": "x\ny"}), (5, [2]), (7, 3)]
    assert listing.members == {"note": filler}
    with pytest.raises(JsonFaultError, match="after the end"):
        read_listing(text + "x", "features")


def test_tables_are_read_back_too() -> None:
    master = Master(
        places=(Place("t", "tip", 114.3, 30.5, name="a, b"),),
        workers=(Worker("w", "李娜", "driver", active=False),),
        shifts=(Shift("night", 1_320, 480, weekdays=(0, 2), breaks=((240, 30),)),),
        plans=(Plan("p", date(2026, 1, 1), "night", route="r", workers=("w", "v")),),
    )
    tables = to_tables(master)
    assert set(tables) == {"places", "workers", "shifts", "plans"}
    assert only(rows(tables["shifts"])) == master.shifts[0]
    assert only(rows(tables["workers"])) == master.workers[0]
    assert only(rows(tables["plans"])) == master.plans[0]
