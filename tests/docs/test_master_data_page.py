"""The page docs/fleet/master-data.md says what the code does: its examples are read, its fields are all there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet.importing.feature_lines import MOST_ITEMS
from fleet.importing.fields import BOUNDS, MOST_STOPS
from fleet.importing.gathering import Gathered
from fleet.importing.geojson import AREA_KINDS, PLACE_ROLES, from_geojson
from fleet.importing.gpx import from_gpx
from fleet.importing.joining import join
from fleet.importing.listing import MOST_BYTES, from_yaml
from fleet.importing.positions import MOST_POINTS
from fleet.importing.tables import TABLES, from_rows, table_kind, unknown_column
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop
from hub.importing.fleet_files import MAX_BYTES
from hub.importing.rows import TextFile, open_table

PAGE = (Path(__file__).parents[2] / "docs" / "fleet" / "master-data.md").read_text("utf-8")
BLOCKS = re.findall(r"^```([a-z ]*)\n(.*?)^```$", PAGE, re.M | re.S)
SECTIONS = {
    **{"Routes": Route, "Stops": Stop, "Places": Place, "Areas": Area},
    **{"Crews": Crew, "Workers": Worker, "Shifts": Shift, "Plans": Plan},
}


def block(label: str) -> str:
    (body,) = (body for own, body in BLOCKS if own == label)
    return str(body)


def table(label: str, folder: Path) -> Gathered:
    file = folder / "table.csv"
    file.write_text(block(f"csv {label}"), encoding="utf-8")
    opened = open_table(TextFile(file))
    kind = table_kind(opened.header)
    assert kind is not None
    assert kind.name == label
    assert unknown_column(kind, opened.header) is None
    return from_rows(kind, opened.rows(lambda _, reason: pytest.fail(reason)))


def test_the_examples_are_read_and_fit_each_other(tmp_path: Path) -> None:
    maps = [from_geojson(block("json geojson")), from_gpx(block("xml gpx"))]
    tables = [table(label, tmp_path) for label in ("stops", "places", "workers", "crews", "shifts", "plans")]
    for file in (*maps, *tables, from_yaml(block("yaml"))):
        assert file.faults == []
        assert file.notes == []
    joined = join([*maps, *tables[1:]], {})
    assert joined.faults == []
    assert [route.kind for route in joined.master.routes] == ["collect", "sweep"]
    assert joined.master.routes[0].stops[0].windows[0].start == 300
    assert len(joined.master.routes[0].access) == 1
    assert [area.kind for area in joined.master.areas] == ["grid", "post"]
    assert joined.master.shifts == (
        Shift("night", 1_260, 480, weekdays=(0, 1, 2, 3, 4), breaks=((240, 30),), name_zh="夜班"),
    )
    whole = join([from_yaml(block("yaml"))], {})
    assert all(getattr(whole.master, name) for name in whole.master.__struct_fields__)


def test_the_refused_example_says_what_the_page_says() -> None:
    faults = sorted(from_yaml(block("yaml refused")).faults)
    assert [f"routes.yaml:{fault.line}: {fault}" for fault in faults] == block("text").splitlines()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_on_the_page(section: str) -> None:
    kind: type[msgspec.Struct] = SECTIONS[section]
    part = re.search(rf"^### {section}\n(.*?)(?=^###|\Z)", PAGE, re.M | re.S)
    assert part is not None
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", part[1], re.M)}
    fields = {("date" if (kind, one.name) == (Plan, "on") else one.name): one for one in msgspec.structs.fields(kind)}
    assert list(rows) == [name for name in fields if name != "version"]
    for name, (default, said) in rows.items():
        own = fields[name]
        bounds = BOUNDS.get((kind, own.name))
        if bounds is not None and kind is not Shift:
            assert said.endswith(f"; {bounds[0]:g} to {bounds[1]:g}"), name
        if not own.required and own.name not in ("valid_from", "weekdays"):
            assert default == shown(own.default), name


def shown(default: Any) -> str:
    if default in (None, "", ()):
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`"


def test_what_files_are_known_by_and_their_bounds() -> None:
    section = PAGE[PAGE.index("\n## Which file holds what") : PAGE.index("\n## Positions")]
    for kind in TABLES:
        (row,) = re.findall(rf"^\|.*\| {kind.name} \| (.*) \|$", section, re.M)
        named = set(re.findall(r"`(\w+)`", row))
        assert kind.key <= named
    assert f"{MAX_BYTES >> 20} MiB" in section
    assert f"YAML {MOST_BYTES >> 20} MiB" in section
    for most, what in (
        (MOST_ITEMS, "features"),
        (MOST_POINTS, "positions of a line"),
        (MOST_STOPS, "stops of a route"),
    ):
        assert f"{most:,} {what}" in section
    for role in (*PLACE_ROLES, *AREA_KINDS):
        assert f"`{role}`" in PAGE
