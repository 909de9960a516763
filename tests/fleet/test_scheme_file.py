"""Schemes as files: the ready-made ones, and what is wrong with others."""

from __future__ import annotations

import pytest

from fleet.evaluation.scheme_file import SchemeFileError, read_scheme, ready_made

SOUND = """\
id: own
items:
  - id: attendance
    weight: 60
    measures:
      - {kpi: attendance, params: {grace_s: 5min}}
  - id: findings
    weight: 40
    mode: points
    measures:
      - kpi: inspections
        params: {categories: [roads], points: 1}
"""


def test_the_ready_made_schemes_have_the_weights_of_the_field() -> None:
    weighted, sheet = ready_made()["weighted"], ready_made()["deductions"]
    assert {item.id: item.weight for item in weighted.items} == {
        "attendance": 20, "on_post": 15, "coverage": 25, "tasks": 20, "inspection": 10, "complaints": 10,
    }  # fmt: skip
    assert [item.weight for item in sheet.items] == [45, 25, 15, 5, 10]
    assert [(grade.title, grade.least) for grade in sheet.grades][:3] == [("excellent", 90), ("good", 80), ("pass", 70)]
    for scheme in ready_made().values():
        assert all(item.title and item.title_zh for item in scheme.items)
        assert all(measure.kpi != "standing" for item in scheme.items for measure in item.measures)


def test_grades_begin_at_their_least_points() -> None:
    sheet = ready_made()["deductions"]
    told = [grade.title for points in (100, 90, 89.99, 80, 70, 69.9, 0) if (grade := sheet.grade(points))]
    assert told == ["excellent", "excellent", "good", "good", "pass", "fail", "fail"]


def test_durations_are_written_as_people_say_them() -> None:
    (first, second) = read_scheme(SOUND).items
    assert first.measures[0].params == {"grace_s": 300.0}
    assert (second.mode, second.weight) == ("points", 40)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("weight: 40", "weight: 30", "own.yaml:2: items: expected weights that make 100; these make 90"),
        ("kpi: attendance", "kpi: presence", "own.yaml:6: items[0].measures[0].kpi: expected attendance, complaints"),
        ("grace_s: 5min", "grace_s: soon", "own.yaml:6: items[0].measures[0].params.grace_s: expected seconds, or"),
        ("grace_s: 5min", "grace: 1", "own.yaml:6: items[0].measures[0].params.grace: unknown field; expected"),
        ("mode: points", "mode: guess", "own.yaml:9: items[1].mode: expected share, points; got 'guess'"),
        ("id: findings", "id: attendance", "own.yaml:7: items[1].id: 'attendance' stands in line 3 already"),
        ("points: 1}", "points: -1}", "own.yaml:12: items[1].measures[0].params.points: expected"),
        ("weight: 60\n", "weight: heavy\n", "own.yaml:4: items[0].weight: expected a number; got 'heavy'"),
        ("id: own\n", "", "own.yaml:1: id: missing"),
        ("id: own", "id: own\nspeed: 1", "own.yaml:2: speed: unknown field; expected id, items"),
        (SOUND, "- 1", "own.yaml:1: expected id and items; got [1]"),
        (SOUND, "", "own.yaml:1: expected a scheme; the file is empty"),
    ],
)
def test_a_mistake_is_told_with_line_and_field(wrong: str, right: str, told: str) -> None:
    with pytest.raises(SchemeFileError) as caught:
        read_scheme(SOUND.replace(wrong, right, 1), "own.yaml")
    assert str(caught.value).startswith(told)
