"""A rule file is taken whole, or refused whole with everything that is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kind import kinds
from alerts.rule import Rule, Scope
from alerts.rule_file import RuleFileError, default_rules, load_rules, read_rules
from alerts.rules.geofence import Geofence
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.kinds import KINDS
from devices.yaml_lines.tree import MAX_BYTES, parse

GOOD = """
version: 1
rules:
  - id: bin-full
    kind: threshold
    title: Bin full
    title_zh: 垃圾桶已满
    severity: critical
    scope: {kinds: [bin], areas: [north], except_devices: [bin-0001]}
    params: {metric: fill_pct, limit: 85, clear: 70, hold_s: 5min}
    overrides:
      bin-0042: {limit: 90, hold_s: 1h}
    enabled: false
  - id: yard
    kind: geofence
    params:
      mode: enter
      fences:
        - {name: depot, lat: 30, lon: 114.25, radius_m: 100}
        - name: tip
          geometry: {type: Polygon, coordinates: [[[114, 30], [114.1, 30], [114.1, 30.1], [114, 30]]]}
      hours: {zone: Europe/Berlin, windows: [{begin: 10:00, end: "24:00", days: [mon, fri]}]}
"""


def mistakes(text: str | bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(RuleFileError) as refused:
        read_rules(text)
    return [(one.line, one.field, one.reason) for one in refused.value.mistakes]


def one_rule(params: str, kind: str = "threshold", more: str = "") -> str:
    return f"version: 1\nrules:\n- id: it\n  kind: {kind}\n  params: {params}\n{more}"


def test_a_file_becomes_rules() -> None:
    full, yard = read_rules(GOOD)
    assert full == Rule(
        "bin-full",
        "threshold",
        Threshold("fill_pct", 85, clear=70, hold_s=300),
        "critical",
        "Bin full",
        "垃圾桶已满",
        Scope(("bin",), (), ("north",), (), ("bin-0001",)),
        {"bin-0042": Threshold("fill_pct", 90, clear=70, hold_s=3_600)},
        enabled=False,
    )
    assert isinstance(yard.params, Geofence)
    assert yard.params.fences[0].lat == 30.0
    assert yard.params.hours is not None
    assert yard.params.hours.windows[0].begin == "10:00", "text, not 600"


def test_json_is_read_as_well() -> None:
    rules = [{"id": "it", "kind": "threshold", "params": {"metric": "fill_pct", "limit": 8.5e1}}]
    text = msgspec.json.encode({"version": 1, "rules": rules})
    assert read_rules(text) == (Rule("it", "threshold", Threshold("fill_pct", 85)),)


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        """version: 2
rules:
- id: A b
  kind: threshold
  severity: bad
  scope: {kinds: [bin, bus]}
  params:
    metric: fill_pct
    limit: high
    hold_s: 5 m
    foo: 1
- id: b
  kind: nope
- id: b
  kind: silence
  params: {intervals: 0}
- kind: geofence
  surplus: 1
"""
    )
    assert [(line, field) for line, field, _ in found] == [
        (1, "version"),
        (3, "rules[0].id"),
        (5, "rules[0].severity"),
        (6, "rules[0].scope.kinds[1]"),
        (9, "rules[0].params.limit"),
        (10, "rules[0].params.hold_s"),
        (11, "rules[0].params.foo"),
        (13, "rules[1].kind"),
        (14, "rules[2].id"),
        (16, "rules[2].params.intervals"),
        (17, "rules[3].id"),
        (17, "rules[3].params.fences"),
        (18, "rules[3].surplus"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (1, "", "expected version and rules; the file is empty")),
        ("5", (1, "", "expected version and rules; got 5")),
        ("rules: []", (1, "version", "expected 1; missing")),
        ("version: true\nrules: []", (1, "version", "expected 1; got true")),
        ("version: 1", (1, "rules", "expected a list of at most 1000 rules")),
        ("version: 1\nrules: [5]", (2, "rules[0]", "expected a mapping; got 5")),
        ("version: 1\nrules: []\nrules: []", (3, "rules", "stands in line 2 already")),
        (
            one_rule("{metric: fill_pct, limit: 80, limit: 90}"),
            (5, "rules[0].params.limit", "stands in line 5 already"),
        ),
        (one_rule("{metric: fill_pct}"), (5, "rules[0].params.limit", "missing")),
        (
            one_rule("{metric: fil_pct, limit: 8}"),
            (5, "rules[0].params.metric", "unknown metric 'fil_pct'; did you mean fill_pct?"),
        ),
        (
            one_rule("{metrics: [fill_pct, qqqq]}", "stuck"),
            (5, "rules[0].params.metrics[1]", "unknown metric 'qqqq'"),
        ),
        (
            one_rule("{while_on: duty}", "silence"),
            (5, "rules[0].params.while_on", "unknown metric 'duty'; did you mean on_duty?"),
        ),
        (
            one_rule("{metric: fill_pct, limit: 85, clear: 90}"),
            (5, "rules[0].params.clear", "90 must lie below the limit 85"),
        ),
        (
            one_rule("{metric: fill_pct, limit: 85}", more="  overrides:\n    bin-1: {limit: 9, clear: 12}\n"),
            (7, "rules[0].overrides.bin-1.clear", "12 must lie below the limit 9"),
        ),
        (
            one_rule("{metric: fill_pct, limit: 85}", more="  overrides:\n    bin-1: {limt: 9}\n"),
            (
                7,
                "rules[0].overrides.bin-1.limt",
                "unknown field; expected metric, limit, when, clear, hold_s, clear_hold_s",
            ),
        ),
        (
            one_rule("{metric: fill_pct, limit: 85}", more="  overrides:\n    'b 1': {limit: 9}\n"),
            (7, "rules[0].overrides.b 1", "expected an id of a device"),
        ),
        (
            one_rule("{metric: fill_pct, limit: .nan}"),
            (5, "rules[0].params.limit", "expected a finite number, got .nan"),
        ),
        (one_rule("{metric: fill_pct, limit: yes}"), (5, "rules[0].params.limit", "expected a number; got 'yes'")),
        (
            one_rule("{metric: fill_pct, limit: 5, when: over}"),
            (5, "rules[0].params.when", "expected above, below; got 'over'"),
        ),
        (
            one_rule(
                "\n    fences:\n    - {name: a, lat: 1, lon: 2, radius_m: 3}\n    - {name: b, lat: 1}", "geofence"
            ),
            (8, "rules[0].params.fences[1]", "expected lat, lon and radius_m, or a geometry"),
        ),
        (
            one_rule("\n    fences:\n    - {name: a, lat: 91, lon: 2, radius_m: 3}", "geofence"),
            (7, "rules[0].params.fences[0].lat", "expected a number <= 90.0; got 91"),
        ),
        (
            one_rule("{hours: {zone: Mars, windows: [{begin: '07:00', end: '08:00'}]}}", "forbidden_hours"),
            (5, "rules[0].params.hours.zone", "expected the name of a time zone (Asia/Shanghai), got 'Mars'"),
        ),
        ("version: 1\nrules:\n - &a {}\n - *a", (3, "", "not YAML: expected neither anchors nor aliases")),
        ("version: 1\nrules:\n - !!python/name:os.system x", (3, "", "not YAML: expected no tags")),
        ("version: 1\nrules: [", (2, "", "not YAML: expected the node content, but found '<stream end>'")),
        ("[" * 5_000, (1, "", "not YAML: expected at most 20 levels")),
        ('version: 1\nrules: ["\\ud800"]', (2, "rules[0]", "expected characters, got half of one")),
        ("\x00", (1, "", "not YAML: special characters are not allowed")),
        (b"version: 1\nrules: \xff", (2, "", "expected UTF-8")),
        ("#" * (MAX_BYTES + 1), (1, "", f"expected at most {MAX_BYTES} bytes")),
        ("version: 1\nrules: [" + "1," * 60_000 + "]", (2, "", "not YAML: expected at most 50000 names and values")),
    ],
)
def test_what_is_wrong_is_named(text: str | bytes, expected: tuple[int, str, str]) -> None:
    assert expected in mistakes(text)


def test_the_message_has_a_line_for_each(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\nrules:\n- {id: a, kind: threshold, params: {metric: fill_pct, limit: x}}\n", "utf-8")
    with pytest.raises(RuleFileError) as refused:
        load_rules(path)
    assert str(refused.value) == f"{path}:3: rules[0].params.limit: expected a number; got 'x'"
    with pytest.raises(RuleFileError, match="No such file"):
        load_rules(tmp_path / "none.yaml")


@given(st.text(max_size=200))
def test_any_text_is_rules_or_mistakes(text: str) -> None:
    try:
        read_rules(text)
    except RuleFileError as error:
        assert error.mistakes


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(sorted(kinds()))
)
_names = st.sampled_from(
    ("version", "rules", "id", "kind", "params", "scope", "overrides", "metric", "limit", "hold_s")
)
_plain: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(_names, below, max_size=5), max_leaves=12
)


@given(_plain, _plain)
def test_any_structure_is_rules_or_mistakes(rule: Any, params: Any) -> None:
    import json

    entry = {**rule, "params": params} if isinstance(rule, dict) else rule
    for kind in ("threshold", "geofence", "silence"):
        named = {**entry, "kind": kind} if isinstance(entry, dict) else entry
        try:
            read_rules(json.dumps({"version": 1, "rules": [named, rule]}))
        except RuleFileError as error:
            assert error.mistakes


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**16), 10**16) | st.text(),
        lambda one: st.lists(one, max_size=3),
        max_leaves=8,
    )
)
def test_what_is_json_is_read_as_in_json(value: Any) -> None:
    import json

    text = json.dumps(value, ensure_ascii=True)
    root, found = parse(text)
    assert root is not None
    assert found == []
    assert root.plain() == value


class TestDefaultRules:
    RULES = default_rules()

    def test_they_have_titles_in_both_languages(self) -> None:
        assert all(rule.title and rule.title_zh and rule.enabled for rule in self.RULES)

    def test_they_watch_every_kind_of_device_and_use_most_kinds_of_rule(self) -> None:
        watched = {kind for rule in self.RULES for kind in rule.scope.kinds}
        assert watched == set(KINDS) - {"unknown"}
        assert set(kinds()) - {rule.kind for rule in self.RULES} == {"geofence"}, "fences are a city's own"

    @pytest.mark.parametrize(
        ("rule", "field", "value"),
        [
            ("bin-notice", "limit", 75),
            ("bin-full", "limit", 85),
            ("bin-overflow", "limit", 95),
            ("bin-fire", "limit", 60),
            ("bin-fire", "rise", 10),
            ("bin-fire", "window_s", 600),
            ("battery-low", "limit", 20),
            ("bin-silent", "intervals", 3),
            ("vehicle-idle", "after_s", 300),
            ("vehicle-off-route", "enter_m", 50),
            ("vehicle-off-route", "leave_s", 30),
            ("toilet-ammonia", "window_s", 600),
            ("toilet-welfare", "after_s", 1_800),
        ],
    )
    def test_the_figures_of_the_field(self, rule: str, field: str, value: float) -> None:
        (found,) = (one for one in self.RULES if one.id == rule)
        assert getattr(found.params, field) == value

    def test_limits_by_class_are_those_of_the_standard(self) -> None:
        """0.3, 1 and 3 mg/m³ of ammonia; 0.70 mg/m³ are 1 ppm at 25 °C."""
        (ammonia,) = (one.params for one in self.RULES if one.id == "toilet-ammonia")
        for name, milligrams in (("1", 0.3), ("2", 1), ("3", 3)):
            assert ammonia.limit_by_class[name] == pytest.approx(milligrams / 0.70, abs=0.005)  # type: ignore[attr-defined]

    def test_silence_of_workers_counts_on_duty_only(self) -> None:
        (silent,) = (one.params for one in self.RULES if one.id == "worker-silent")
        assert isinstance(silent, Silence)
        assert silent.while_on == "on_duty"
