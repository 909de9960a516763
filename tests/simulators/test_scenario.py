from __future__ import annotations

from pathlib import Path

import pytest

from simulators.city.settings import Size
from simulators.faults import FaultSettings
from simulators.scenario import ScenarioError, load_scenario, parse_scenario, scenario_names


def test_the_scenarios_that_come_along() -> None:
    assert scenario_names() == ("demo", "faulty", "load", "small")
    for name in scenario_names():
        assert load_scenario(name).name == name
    assert load_scenario("demo").size == Size(40, 400, 30, 60)
    assert load_scenario("demo").backfill_hours == 3
    assert load_scenario("small").size == Size(5, 40, 3, 6)
    assert load_scenario("load").source == "load"


def test_faulty_has_every_fault() -> None:
    faults, none = load_scenario("faulty").faults, FaultSettings()
    assert all(
        getattr(faults, field) != getattr(none, field)
        for field in FaultSettings.__struct_fields__
        if field != "jitter_m"
    )


def test_single_fields_can_be_set() -> None:
    scenario = load_scenario(
        "small", {"size.bins": 7, "seed": 9, "faults.silence.per_hour": 0.5, "intervals.bin_s": 30}
    )
    assert (scenario.size.bins, scenario.size.vehicles, scenario.seed) == (7, 5, 9)
    assert scenario.faults.silence.per_hour == 0.5
    assert scenario.intervals.bin_s == 30


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("size: {bins: 3}\n")
    scenario = load_scenario(path)
    assert (scenario.name, scenario.size.bins) == ("mine", 3)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"size": {"bins": "many"}}, r"size\.bins: Expected `int`, got `str`"),
        ({"size": {"binz": 3}}, r"size\.binz: unknown field"),
        ({"size": {"bins": -1}}, r"size\.bins: Expected `int` >= 0"),
        ({"sise": {}}, r"sise: unknown field"),
        ({"source": "village"}, r"source: "),
        ({"speed": -1}, r"speed: "),
        ({"incidents": {"idle": 1e9}}, r"incidents\.idle: "),
        ({"faults": {"silence": {"per_hour": 2}}}, r"faults\.silence\.per_hour: "),
        ({"faults": {"jitter": {"shortest_s": 90, "longest_s": 60}}}, r"faults\.jitter\.shortest_s: greater"),
        ({"faults": {"stuck": {"kinds": ["dog"]}}}, r"faults\.stuck\.kinds\[0\]: unknown kind of device 'dog'"),
        ({"load": {"kinds": ["bin", "dog"]}}, r"load\.kinds\[1\]: unknown kind of device 'dog'"),
        ({"load": {"kinds": []}}, r"load\.kinds: "),
        ({"intervals": None}, r"intervals: "),
    ],
)
def test_errors_name_the_field(data: dict[str, object], told: str) -> None:
    with pytest.raises(ScenarioError, match="scenario mine: " + told):
        parse_scenario({"name": "mine", **data}, "mine")


def test_the_name_is_needed() -> None:
    with pytest.raises(ScenarioError, match="name: missing"):
        parse_scenario({}, "mine")


@pytest.mark.parametrize(
    ("name", "overrides", "told"),
    [
        ("nosuch", {}, "unknown; there are demo, faulty, load, small"),
        ("nosuch.yaml", {}, "cannot be read"),
        ("small", {"seed.x": 1}, r"seed\.x: seed has no fields"),
        ("small", {"size.x": 1}, r"size\.x: unknown field"),
    ],
)
def test_errors_of_names_and_overrides(name: str, overrides: dict[str, object], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        load_scenario(name, overrides)


@pytest.mark.parametrize(("text", "told"), [("a: [", "not YAML"), ("- 1", "expected a mapping")])
def test_files_that_are_no_scenario(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=told):
        load_scenario(path)
