"""The page on evaluations: its scheme is sound, its KPIs and thresholds are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from fleet.evaluation.attendance import AttendanceRules
from fleet.evaluation.kpi import kpis
from fleet.evaluation.post_time import PostRules
from fleet.evaluation.scheme import Scheme
from fleet.evaluation.scheme_file import read_scheme
from fleet.evaluation.walked import WalkRules

PAGE = (Path(__file__).parents[2] / "docs" / "fleet" / "evaluation.md").read_text("utf-8")


def test_the_scheme_of_the_page_is_sound() -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    scheme = read_scheme(block[1], "evaluation.md")
    assert [item.weight for item in scheme.items] == [60, 40]
    usual = {one.name: one.default for one in msgspec.structs.fields(Scheme)}
    assert (scheme.least_weight, scheme.least_data) == (usual["least_weight"], usual["least_data"])


def test_every_kpi_stands_in_the_table() -> None:
    table = PAGE.partition("## KPIs")[2].partition("## Schemes")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(kpis())


def test_every_threshold_stands_on_the_page() -> None:
    for rules in (AttendanceRules, PostRules, WalkRules):
        for field in msgspec.structs.fields(rules):
            assert f"`{field.name}`" in PAGE, field.name
