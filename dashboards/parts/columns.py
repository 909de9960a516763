"""Columns of a result: what they are called and how they look, as overrides of a panel's fields."""

from __future__ import annotations

from typing import NamedTuple

from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.parts.looks import PLAIN, Look
from dashboards.parts.scene import Link, Scene
from dashboards.parts.words import Words


class Column(NamedTuple):
    """A column by its name in SQL. ``painted``: its background takes the colour. ``width`` in pixels."""

    name: str
    title: Words
    look: Look = PLAIN
    width: int | None = None
    painted: bool = False
    bar: bool = False
    links: tuple[Link, ...] = ()


def column(name: str, zh: str, en: str, look: Look = PLAIN, width: int | None = None, *links: Link) -> Column:
    """A column whose text takes the colours of its look, where it has any."""
    return Column(name, Words(zh, en), look, width, links=links)


def painted(name: str, zh: str, en: str, look: Look, width: int | None = None) -> Column:
    """A column whose cells are filled with the colours of its look."""
    return Column(name, Words(zh, en), look, width, painted=True)


def gauge(name: str, zh: str, en: str, look: Look, width: int | None = None) -> Column:
    """A column whose cells are bars."""
    return Column(name, Words(zh, en), look, width, bar=True)


def moment(name: str, zh: str, en: str) -> Column:
    """An instant, as the date and the time of whoever looks."""
    return Column(name, Words(zh, en), Look("dateTimeAsIso"), 165)


def override(scene: Scene, one: Column, *, cells: bool = False) -> models.DashboardFieldConfigSourceOverrides:
    """The override of a column. ``cells``: the panel is a table."""
    look = one.look
    values = [DynamicConfigValue("displayName", scene.said(one.title))]
    if look.unit != "none":
        values.append(DynamicConfigValue("unit", look.unit))
    if look.decimals is not None:
        values.append(DynamicConfigValue("decimals", look.decimals))
    if look.low is not None:
        values.append(DynamicConfigValue("min", look.low))
    if look.high is not None:
        values.append(DynamicConfigValue("max", look.high))
    if look.cases:
        values.append(DynamicConfigValue("mappings", look.mappings(scene.language)))
    if len(look.steps) > 1:
        values += [
            DynamicConfigValue("thresholds", look.thresholds().build()),
            DynamicConfigValue("color", {"mode": "thresholds"}),
        ]
    if links := scene.links(*one.links):
        values.append(DynamicConfigValue("links", links))
    if cells:
        values += _cell(one)
    matcher = models.MatcherConfig(id_val="byName", options=one.name)
    return models.DashboardFieldConfigSourceOverrides(matcher=matcher, properties=values)


def _cell(one: Column) -> list[DynamicConfigValue]:
    found = []
    if one.width is not None:
        found.append(DynamicConfigValue("custom.width", one.width))
    if one.bar:
        found.append(DynamicConfigValue("custom.cellOptions", {"type": "gauge", "mode": "basic"}))
    elif one.painted:
        found.append(DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    elif one.look.cases or len(one.look.steps) > 1:
        found.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return found
