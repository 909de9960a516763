"""Register maps: those that come with the hub, folders of one's own, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ConfigError
from devices.kinds import KINDS
from devices.metrics import Catalogue
from devices.register_maps.files import MAX_FILE_BYTES, map_named, maps_of, parse, shipped

GOOD = """
title: My controller
kind: toilet
period_s: 15
word_order: little
groups:
  air:
    function: 4
    period_s: 5
    points:
      - {address: 0, type: u16, metric: nh3_ppm, scale: 0.1, sentinels: [0xFFFE, -1], doubtful_if: warming}
      - {address: 2, type: f32, metric: temperature_c, word_order: big, sentinels: [-9999, .nan]}
      - {address: 4, type: bcd, registers: 2, metric: people_in}
  bits:
    function: 2
    period_s: 5
    points:
      - {address: 0, type: bool, name: warming}
      - {address: 1, type: bool, event: alarm}
writes:
  fan: {function: 5, address: 0, type: bool}
  speed: {function: 6, address: 1, type: u16, values: [0, 1, 2]}
  target: {function: 16, address: 2, type: f32, low: 5, high: 35, title: Target temperature}
"""


def point(text: str, function: int = 4) -> str:
    return f"title: a\ngroups: {{g: {{function: {function}, points: [{{{text}}}]}}}}"


def write(text: str) -> str:
    return point("address: 0, type: u16, metric: fill_pct") + f"\nwrites: {{w: {{{text}}}}}"


def test_a_map_holds_what_its_file_says() -> None:
    found = parse("mine.yaml", GOOD)
    assert (found.name, found.title, found.kind, found.period_s) == ("mine", "My controller", "toilet", 15)
    air, bits = found.groups
    assert (air.function, air.period_s, bits.function) == (4, 5, 2)
    nh3, temperature, people = air.points
    assert (nh3.word_order, temperature.word_order) == ("little", "big")
    assert nh3.sentinels == {0xFFFE, 0xFFFF}
    assert -9999.0 in temperature.sentinels
    assert (people.type, people.width) == ("bcd", 2)
    assert bits.points[1].name == "alarm"
    assert found.writes["target"].allowed == "a number in 5..35"
    assert found.writes["speed"].allowed == "one of 0, 1, 2"
    assert found.writes["fan"].allowed == "true or false"
    assert nh3.place == "input register 0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "Expected object, got array"),
        ("title: 3\ngroups: {}", "title: expected str, got int"),
        ("title: a", "Object missing required field groups"),
        ("title: a\ngroups: {}", "groups: expected object of length >= 1"),
        ("title: a\ncolour: red\ngroups: {g: 1}", "Object contains unknown field colour"),
        ("title: a\ngroups: {g: 1}", "groups.g: expected object, got int"),
        ("title: a\nkind: tree\ngroups: {g: 1}", f"kind: expected one of {', '.join(KINDS)}, got 'tree'"),
        ("title: a\nword_order: middle\ngroups: {g: 1}", "word_order: expected big or little, got 'middle'"),
        ("title: a\nperiod_s: 0\ngroups: {g: 1}", "period_s: expected float >= 0.1"),
        ("title: a\ntitle: b", "the key 'title' stands twice"),
        ("title: [", "while parsing a flow node"),
        (point("address: 0, type: u16", 5), "groups.g.function: expected int <= 4"),
        (point("address: 70000, type: u16"), "groups.g.points[0].address: expected int <= 65535"),
        (point("address: zero, type: u16"), "groups.g.points[0].address: expected int, got str"),
        (point("adress: 0, type: u16"), "groups.g.points[0]: object contains unknown field adress"),
        (point("address: 0, type: u24, metric: fill_pct"), "groups.g.points[0].type: expected one of bool, u16,"),
        (point("address: 0, type: u16"), "groups.g.points[0]: expected a metric, an event or a name"),
        (
            point("address: 0, type: u16, metric: nh3"),
            "metric: expected a metric of the catalogue, got 'nh3'",
        ),
        (point("address: 65535, type: u32, metric: fill_pct"), "2 registers from 65535 reach beyond 65535"),
        (
            point("address: 0, type: u16, metric: fill_pct", 1),
            "for function 1 reads single bits, got u16",
        ),
        (point("address: 0, type: bool, bit: 1, name: a", 2), "points[0].bit: only a bool in a register has one"),
        (point("address: 0, type: bool, bit: 16, name: a"), "groups.g.points[0].bit: expected int <= 15"),
        (point("address: 0, type: u32, registers: 4, name: a"), "registers: only bcd says it, a u32 takes 2"),
        (point("address: 0, type: bool, name: a, sentinels: [1]"), "points[0].sentinels: a bool has none"),
        (point("address: 0, type: u16, name: a, sentinels: [65536]"), "expected whole numbers of 16 bits, got 65536"),
        (point("address: 0, type: u16, name: a, sentinels: [.nan]"), "expected whole numbers of 16 bits, got nan"),
        (point("address: 0, type: u16, name: a, scale: 0"), "points[0].scale: expected a number that is not 0, got 0"),
        (point("address: 0, type: u16, event: alarm"), "only a bool makes events, and this is a u16"),
        (point("address: 0, type: bool, event: door-open"), "event: expected letters, digits and _, got 'door-open'"),
        (point("address: 0, type: u16, byte_order: up, name: a"), "byte_order: expected big or little, got 'up'"),
        (point("address: 0, type: u16, name: a, doubtful_if: b"), "expected the name of a bool point, got 'b'"),
        (
            point("address: 0, type: u16, name: a}, {address: 1, type: u16, name: a"),
            "name: 'a' is told twice",
        ),
        (
            point("address: 0, type: u16, metric: fill_pct}, {address: 1, type: u16, name: a, metric: fill_pct"),
            "points[1].metric: fill_pct is the metric of groups.g.points[0] already",
        ),
        (write("function: 5, address: 0, type: u16"), "writes.w.function: expected 6 or 16 for a u16, got 5"),
        (write("function: 6, address: 0, type: u32"), "writes.w.function: expected 16 for a u32, got 6"),
        (write("function: 6, address: 0, type: bcd"), "writes.w.type: expected one of bool, u16"),
        (write("function: 6, address: 0, type: u16"), "writes.w: expected values, or low and high"),
        (write("function: 6, address: 0, type: u16, low: 5, high: 4"), "writes.w: expected values, or low and high"),
        (write("function: 6, address: x, type: u16"), "writes.w.address: expected int, got str"),
    ],
)
def test_a_fault_names_file_field_and_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse("/etc/maps/mine.yaml", text)
    assert str(caught.value).startswith("map /etc/maps/mine.yaml: ")
    assert reason in str(caught.value)


def test_what_doubts_must_be_read_as_often() -> None:
    before, _, after = GOOD.rpartition("    period_s: 5\n")
    with pytest.raises(ConfigError, match="doubtful_if: warming is read in another period"):
        parse("mine.yaml", before + after)


def test_a_file_name_is_a_map_name() -> None:
    with pytest.raises(ConfigError, match="expected a file name of small letters"):
        parse("My Map.yaml", GOOD)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(repr))
def test_any_text_is_a_map_or_told_why_not(text: str) -> None:
    try:
        parse("mine.yaml", text)
    except ConfigError as error:
        assert str(error).startswith("map mine.yaml: ")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_maps_hold_up(name: str) -> None:
    found = shipped()[name]
    catalogue = Catalogue()
    assert found.kind in KINDS
    for each in found.points().values():
        if each.metric is not None:
            assert found.kind in catalogue.by_name[each.metric].kinds or each.metric in ("sos", "smoke"), each.metric
    assert all(point.doubtful_if is None or point.metric for point in found.points().values())


def test_the_shipped_ones() -> None:
    assert set(shipped()) == {"toilet-controller", "sdm120", "sdm630", "compactor"}
    assert set(shipped()["toilet-controller"].writes) == {"fan", "light"}


def test_a_folder_of_ones_own_stands_beside_the_shipped_ones_and_before_them(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "sdm120.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "notes.txt").write_text("no map", "utf-8")
    found = maps_of(tmp_path)
    assert set(found) == {*shipped(), "mine"}
    assert map_named(found, "sdm120").title == "My controller"
    assert maps_of(None) == shipped()


def test_folders_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"maps .*/nowhere: No such file"):
        maps_of(tmp_path / "nowhere")
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"title: \xff")
    with pytest.raises(ConfigError, match=r"mine.yaml: expected UTF-8, byte 7 is none"):
        maps_of(tmp_path)
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="more than"):
        maps_of(tmp_path)
    with pytest.raises(ConfigError, match="no register map is named 'x'; known: compactor, sdm120"):
        map_named(shipped(), "x")
