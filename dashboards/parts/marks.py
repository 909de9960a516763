"""Marks over the courses: when alerts were raised and cleared."""

from __future__ import annotations

from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as build

from dashboards.parts.looks import BAD, WARN
from dashboards.parts.scene import Scene
from dashboards.parts.sql import IN_AREA, Query, reference
from dashboards.parts.words import Words


class Mark(NamedTuple):
    """An annotation; the statement gives ``time``, ``timeend`` (NULL while it lasts), ``text`` and ``tags``."""

    title: Words
    sql: str
    colour: str
    shown: bool = True


def alerts(severities: tuple[str, ...], shown: bool, condition: str) -> Mark:
    """Alerts of these severities from raised to cleared; ``condition`` narrows them to what the board shows."""
    named = ", ".join(f"'{one}'" for one in severities)
    sql = f"""\
SELECT raised_at AS time, cleared_at AS timeend, device || ' · ' || rule AS text, severity AS tags
  FROM boards.alerts
 WHERE $__timeFilter(raised_at) AND severity IN ({named}) AND {condition}
 ORDER BY raised_at DESC LIMIT 200"""
    loud = "critical" in severities
    title = Words("严重告警", "Critical alerts") if loud else Words("一般告警", "Other alerts")
    return Mark(title, sql, BAD if loud else WARN, shown)


def both(condition: str = IN_AREA) -> tuple[Mark, Mark]:
    """Critical alerts, shown at first, and the others, which one may switch on."""
    return alerts(("critical",), True, condition), alerts(("warning", "info"), False, condition)


def marked(scene: Scene, mark: Mark) -> build.AnnotationQuery:
    """The annotation as the SDK has it."""
    source = reference(scene.datasource_uid)
    made = build.AnnotationQuery().name(scene.said(mark.title)).datasource(source)
    return made.enable(mark.shown).hide(False).icon_color(mark.colour).target(Query(mark.sql, "table", source))
