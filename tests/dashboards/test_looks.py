"""Words and bounds of the boards against the rooms that they are about, of which the boards import nothing."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
import yaml

from dashboards import bins, boards, health, vehicles, workers
from dashboards.parts import looks
from devices.kinds import KINDS
from fleet.bins.emptying import Proof
from fleet.evaluation.inputs import Outcome
from fleet.incidents.categories import categories
from fleet.master.places import PlaceRole
from fleet.orders.order import Kind as OrderKind
from fleet.trackers.work_state import Doing
from hub.orders import wording

UNITS = {
    "none", "short", "percent", "ppm", "s", "h", "velocitykmh", "lengthm", "lengthkm", "bytes", "celsius", "m3",
    "dateTimeAsIso",
}  # fmt: skip
"""Ids of Grafana's units (packages/grafana-data, valueFormats/categories)."""


@pytest.mark.parametrize(
    ("look", "values"),
    [
        (looks.KIND, set(KINDS)),
        (looks.ORDER_KIND, set(get_args(OrderKind))),
        (looks.CATEGORY, set(categories())),
        (looks.SEVERITY, {"critical", "warning", "info"}),
        (looks.STAGE, {"raised", "acknowledged", "cleared", "closed"}),
        (looks.ORDER, {"planned", "sent", "accepted", "done", "cancelled", "overdue"}),
        (looks.INCIDENT, {"reported", "ordered", "handed_on", "done", "rejected"}),
        (looks.STATE, {one.name.lower() for one in Doing}),
        (vehicles.NUMBERED, {str(one.value) for one in Doing}),
        (vehicles.ROLE, {*get_args(PlaceRole), "stop", ""}),
        (bins.PROOF, set(get_args(Proof))),
        (workers.OUTCOME, set(get_args(Outcome))),
        (workers.TASK, {"done", "late", "missed", "open"}),
        (
            health.CODE,
            {"malformed", "invalid", "unknown_device", "shut_device", "oversized", "decoder", "store"},
        ),
    ],
)
def test_every_value_has_its_words(look: looks.Look, values: set[str]) -> None:
    assert {case.value for case in look.cases} == values


def test_states_of_vehicles_are_numbered_as_the_trackers_do() -> None:
    words = {case.value: case.words for case in looks.STATE.cases}
    assert {case.value: case.words for case in vehicles.NUMBERED.cases} == {
        str(one.value): words[one.name.lower()] for one in Doing
    }


def test_words_are_those_that_others_use() -> None:
    told = {case.value: tuple(case.words) for case in looks.ORDER_KIND.cases}
    assert told == dict(wording.KINDS)
    named = {case.value: tuple(case.words) for case in looks.CATEGORY.cases}
    assert named == {name: (one.zh, one.en) for name, one in categories().items()}


def test_bounds_are_those_of_the_default_rules() -> None:
    from importlib.resources import files

    given = yaml.safe_load((files("alerts") / "default_rules.yaml").read_text("utf-8"))
    rules: dict[str, dict[str, Any]] = {one["id"]: one.get("params", {}) for one in given["rules"]}
    fill = [rules[name]["limit"] for name in ("bin-notice", "bin-full", "bin-overflow")]
    assert [step[0] for step in looks.FILL.steps[1:]] == fill
    assert [step[0] for step in looks.NH3.steps[1:]] == sorted(rules["toilet-ammonia"]["limit_by_class"].values())
    assert looks.H2S.steps[1][0] == rules["toilet-hydrogen-sulphide"]["limit"]
    assert looks.BATTERY.steps[1][0] == rules["battery-low"]["limit"]


def test_units_are_grafanas() -> None:
    def found(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["unit"]} if isinstance(value.get("unit"), str) else set()
            own |= {value["value"]} if value.get("id") == "unit" else set()
            return own.union(*(found(one) for one in value.values()))
        return set().union(*(found(one) for one in value)) if isinstance(value, list) else set()

    told = set().union(*(found(board["dashboard"]) for board in boards("en")))
    assert told <= UNITS, told - UNITS


def test_steps_ascend() -> None:
    for name in dir(looks):
        look = getattr(looks, name)
        if isinstance(look, looks.Look):
            bounds = [step[0] for step in look.steps]
            assert bounds[0] is None and bounds[1:] == sorted(bounds[1:], key=lambda one: one or 0.0), name
            assert msgspec.json.encode(look)
