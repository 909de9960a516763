"""The page docs/alerts.md says what the code does: kinds, parameters, defaults, examples and their mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from alerts.areas import MOST_POINTS
from alerts.kind import kinds
from alerts.rule_file import MAX_RULES, RuleFileError, default_rules, read_rules
from alerts.rules.event import MOST_OPEN
from alerts.rules.geofence import MOST_FENCES
from devices.metrics import DERIVED
from devices.yaml_lines.tree import MAX_BYTES, MAX_DEPTH, MAX_NODES

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
BLOCKS = re.findall(r"^```([a-z ]*)\n(.*?)^```$", PAGE, re.M | re.S)


def shown(field: msgspec.structs.FieldInfo) -> str:
    """A parameter's default as the page writes it."""
    if field.required:
        return "needed"
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if default is None or default == "":
        return "–"
    if isinstance(default, tuple | dict):
        return ", ".join(f"`{one}`" for one in default) or "none"
    if isinstance(default, bool):
        return "`true`" if default else "`false`"
    return f"`{default}`" if isinstance(default, str) else f"{default:g}"


def rows(text: str) -> list[list[str]]:
    found = re.findall(r"^\| (`.*) \|$", text, re.M)
    return [[cell.strip() for cell in row.split("|")] for row in found]


@pytest.mark.parametrize("name", sorted(kinds()))
def test_each_kind_has_its_parameters_on_the_page(name: str) -> None:
    section = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.M | re.S)
    assert section is not None, f"no section of {name}"
    fields = msgspec.structs.fields(kinds()[name].params)
    assert [row[:2] for row in rows(section[1])] == [[f"`{one.name}`", shown(one)] for one in fields]
    assert all(row[2] for row in rows(section[1]))


def test_no_section_is_of_a_kind_that_is_not() -> None:
    assert set(re.findall(r"^### ([a-z_]+)$", PAGE, re.M)) == set(kinds())


def test_the_default_rules_are_listed() -> None:
    section = PAGE[PAGE.index("\n## Default rules") : PAGE.index("\n## How well they find what happens")]
    assert rows(section) == [
        [f"`{rule.id}`", rule.kind, rule.severity, ", ".join(rule.scope.kinds)] for rule in default_rules()
    ]


def test_the_example_is_read() -> None:
    (example,) = (body for label, body in BLOCKS if label == "yaml")
    rules = read_rules(example)
    assert [rule.kind for rule in rules] == ["threshold", "forbidden_hours", "geofence"]
    assert set(rules[0].overrides) == {"bin-0042"}


def test_the_refused_example_says_what_the_page_says() -> None:
    (example,) = (body for label, body in BLOCKS if label == "yaml refused")
    (lines,) = (body for label, body in BLOCKS if label == "text")
    with pytest.raises(RuleFileError) as refused:
        read_rules(example, "rules.yaml")
    assert str(refused.value) == lines.strip()


def test_every_kind_is_in_the_table_of_durations() -> None:
    section = PAGE[PAGE.index("\n## Durations") : PAGE.index("\n## Hours and areas")]
    named = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|.*$", section, re.M))))
    assert set(kinds()) <= named


def test_figures_and_names() -> None:
    for figure in (
        f"{MAX_BYTES} bytes, {MAX_NODES} names and values, {MAX_DEPTH} levels or {MAX_RULES} rules",
        f"at most {MOST_POINTS} points",
        f"at most {MOST_FENCES}",
        f"the newest {MOST_OPEN} stay open",
        *(f"`{metric.name}`" for metric in DERIVED),
    ):
        assert figure in " ".join(PAGE.split()), figure
