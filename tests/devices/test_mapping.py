"""From a codec's object to readings, events and positions; and mappings in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ConfigError
from devices.mapping.claims import Claims, claims_of
from devices.mapping.defaults import DEFAULT_MAPPING
from devices.mapping.files import load_mapping
from devices.mapping.rules import Rule
from devices.metrics import Catalogue

CATALOGUE = Catalogue()


def claims(decoded: dict[str, Any], **rules: Rule) -> Claims:
    return claims_of(decoded, rules, CATALOGUE)


def test_scale_and_offset() -> None:
    found = claims(
        {"f": 50, "d": 21.1}, f=Rule(metric="temperature_c", scale=5 / 9, offset=-160 / 9), d=Rule("distance_mm", 10)
    )
    assert found.readings == {"temperature_c": 10, "distance_mm": 211}
    assert not found.problems


@pytest.mark.parametrize("value", [21, 21.0, "21", " 21.0 "])
def test_numbers_in_any_form(value: Any) -> None:
    assert claims({"t": value}, t=Rule("temperature_c")).readings == {"temperature_c": 21}


@pytest.mark.parametrize(("value", "reading"), [(True, 1), (False, 0), ("on", 1), ("FALSE", 0), ("yes", 1), (1, 1)])
def test_switches_in_any_form(value: Any, reading: float) -> None:
    assert claims({"d": value}, d=Rule("door_open")).readings == {"door_open": reading}


@pytest.mark.parametrize("value", ["wide open", "NaN", "inf", [], {}, 2, -1, float("nan"), 10**400, "1" * 500])
def test_what_is_no_value_is_a_problem_that_names_the_field(value: Any) -> None:
    found = claims({"d": value, "ok": 3}, d=Rule("door_open"), ok=Rule("battery_v"))
    assert found.readings == {"battery_v": 3}
    assert len(found.problems) == 1
    assert found.problems[0].startswith("d: ")
    assert "door_open" in found.problems[0]
    assert len(found.problems[0]) < 120


def test_a_sentinel_is_no_reading_and_no_problem() -> None:
    rule = Rule("distance_mm", values={"65535": None, "-1": None}, least=30, most=5_000)
    for value in (65535, 65535.0, -1, 29, 5_001):
        assert claims({"d": value}, d=rule) == Claims()
    assert claims({"d": 30}, d=rule).readings == {"distance_mm": 30}


def test_null_and_absent_fields_say_nothing() -> None:
    assert claims({"a": None}, a=Rule("battery_v"), b=Rule("battery_pct")) == Claims()


def test_the_first_rule_that_yields_a_metric_wins() -> None:
    rules = {"a": Rule("battery_v"), "b": Rule("battery_v")}
    assert claims({"b": 2, "a": 1}, **rules).readings == {"battery_v": 1}
    assert claims({"b": 2, "a": "broken"}, **rules).readings == {"battery_v": 2}


def test_a_path_leads_into_objects() -> None:
    decoded = {"gps": {"lat": 30.5, "lon": 114.3, "q": {"hdop": 0.9}}, "a.b": 1}
    found = claims_of(
        decoded,
        {"gps.lat": Rule(fix="lat"), "gps.lon": Rule(fix="lon"), "gps.q.hdop": Rule(fix="hdop"), "a.b": Rule("tilt")},
        CATALOGUE,
    )
    assert found.position is not None
    assert (found.position.lat, found.position.lon, found.position.hdop) == (30.5, 114.3, 0.9)
    assert found.readings == {"tilt": 1}
    assert claims_of({"gps": 7}, {"gps.lat": Rule(fix="lat")}, CATALOGUE) == Claims()


@pytest.mark.parametrize("place", [{"lat": 91, "lon": 0.1}, {"lat": 1}, {"lat": 0, "lon": 0}, {"lat": "x", "lon": 1}])
def test_what_is_no_position(place: dict[str, Any]) -> None:
    assert claims(place, lat=Rule(fix="lat"), lon=Rule(fix="lon")).position is None


def test_events_and_doubt() -> None:
    rule = Rule("temperature_c", doubtful=("0",), events={"0": "probe_missing"})
    found = claims({"t": 0.0}, t=rule)
    assert found.readings == {"temperature_c": 0}
    assert found.doubtful == {"temperature_c"}
    assert [(event.kind, event.attributes) for event in found.occurrences] == [
        ("probe_missing", {"field": "t", "value": "0"})
    ]


def test_history_keeps_its_times_and_loses_only_what_has_none() -> None:
    rules = {"d": Rule("distance_mm", values={"65535": None}), "history": Rule(samples="ts")}
    samples = [
        {"ts": 100, "d": 5},
        {"d": 6},
        {"ts": 200.5, "d": 65535},
        {"ts": 300, "d": 99_999},
        {"ts": 400, "d": 7},
        3,
    ]
    found = claims({"history": samples, "d": 1}, **rules)
    assert found.history == [(100_000_000, {"distance_mm": 5}), (400_000_000, {"distance_mm": 7})]
    assert found.readings == {"distance_mm": 1}
    assert len(found.problems) == 3
    assert claims({"history": "x"}, **rules).problems == ["history: expected a list of samples"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(DEFAULT_MAPPING)) | st.text(max_size=6), _JSON, max_size=6))
def test_any_object_is_mapped_without_raising(decoded: dict[str, Any]) -> None:
    found = claims_of(decoded, DEFAULT_MAPPING, CATALOGUE)
    assert all(CATALOGUE.check(name, value) is None for name, value in found.readings.items())


def test_common_names_of_published_codecs() -> None:
    decoded = {
        "BatV": 3.1,
        "TempC_SHT": "21.50",
        "Hum_SHT": 40,
        "distance": 700,
        "position": "tilt",
        "magnet_status": "open",
    }
    assert claims_of(decoded, DEFAULT_MAPPING, CATALOGUE).readings == {
        "battery_v": 3.1,
        "temperature_c": 21.5,
        "humidity_pct": 40,
        "distance_mm": 700,
        "tilt": 1,
        "door_open": 1,
    }


# -- files ----------------------------------------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_file(tmp_path: Path) -> None:
    text = """
      distance: {metric: distance_mm, scale: 10, least: 3, values: {65535: null}}
      position: {metric: tilt, values: {tilt: yes, normal: no}}
      alarm: {events: {"1": overflow_alarm, true: overflow_alarm}}
      gps.lat: {fix: lat}
      samples: {samples: time}
      t: {metric: temperature_c, doubtful: [0]}
    """
    mapping = load_mapping(write(tmp_path, text))
    assert mapping["position"].values == {"tilt": 1, "normal": 0}
    assert mapping["distance"].values == {"65535": None}
    assert mapping["alarm"].events == {"1": "overflow_alarm", "true": "overflow_alarm"}
    assert claims_of({"distance": 65535, "alarm": True}, mapping, CATALOGUE).readings == {}
    assert load_mapping(write(tmp_path, '{"d": {"metric": "distance_mm"}}')) == {"d": Rule("distance_mm")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a rule for each field"),
        ("- a", "expected a rule for each field"),
        ("a: [", "while parsing"),
        ("a: distance_mm", "a: expected a rule"),
        ("a: {}", "a: expected metric, events, fix or samples"),
        ("a: {metric: distance}", "a: metric: no metric is named 'distance'"),
        ("a: {metric: tilt, scale: much}", r"a: Expected `float`, got `str` - at `\$.scale`"),
        ("a: {metric: tilt, colour: 1}", "a: Object contains unknown field `colour`"),
        ("a: {metric: tilt, values: {x: 2}}", r"a: values.x: tilt: 2 is outside 0\.\.1"),
        ("a: {fix: latitude}", "a: Invalid enum value 'latitude'"),
        ("a: {events: {x: 'not an event'}}", "a: events.x: 'not an event' is no name of an event"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_a_fault_names_file_and_field(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"mapping\.yaml: .*{reason}"):
        load_mapping(write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_mapping(tmp_path / "none.yaml")
