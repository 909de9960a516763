"""What a board asks of the store: the query of every panel, variable and annotation, with what its answer is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dashboards.parts.expansion import All, Constant, Value


class Question(NamedTuple):
    """``where`` says what asks; ``shape`` is ``table`` or ``time_series``; ``panel`` is the panel's JSON, or empty."""

    where: str
    sql: str
    shape: str
    panel: Mapping[str, Any] = {}
    ref_id: str = "A"


def asked_by_variables(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, Question]]:
    """The queries of a board's variables in their order, by the variables' names."""
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            yield one["name"], Question(f"variable {one['name']}", one["query"], "table")


def asked_by_annotations(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """The queries of a board's annotations."""
    for one in dashboard["annotations"]["list"]:
        yield Question(f"annotation {one['name']}", one["target"]["rawSql"], one["target"]["format"])


def asked_by_panels(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """The queries of a board's panels."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            where = f"panel {panel['id']} {panel['title']}"
            yield Question(where, target["rawSql"], target["format"], panel, target["refId"])


def at_first(dashboard: Mapping[str, Any]) -> dict[str, Value]:
    """The variables as they are when a board is opened: all of everything, and the constants."""
    return {
        one["name"]: All(one["allValue"]) if one["type"] == "query" else Constant(one["query"])
        for one in dashboard["templating"]["list"]
    }
