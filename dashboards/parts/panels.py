"""Panels: figures, tables, courses, bars and states over time. Maps have a module of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar, cast

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from dashboards.parts.columns import Column, override
from dashboards.parts.looks import COUNT, PLAIN, Look
from dashboards.parts.scene import Link, Scene
from dashboards.parts.sql import Query, Shape, reference
from dashboards.parts.words import NOTHING, Words


class Builder(Protocol):
    """What the SDK's builders of all panels have in common, as far as it is used."""

    def build(self) -> models.Panel:
        """The panel."""


B = TypeVar("B", stat.Panel, table.Panel, timeseries.Panel, bargauge.Panel, statetimeline.Panel)


def _begun(panel: B, scene: Scene, title: Words, size: tuple[int, int], about: Words | None, empty: Words) -> B:
    panel.title(scene.said(title)).datasource(reference(scene.datasource_uid)).span(size[0]).height(size[1])
    panel.no_value(scene.said(empty))
    if about is not None:
        panel.description(scene.said(about))
    return panel


def _asking(panel: B, scene: Scene, sql: str, shape: Shape) -> B:
    panel.with_target(Query(sql, shape, reference(scene.datasource_uid)))
    return panel


def _looking(panel: B, scene: Scene, look: Look) -> B:
    panel.unit(look.unit).thresholds(look.thresholds())
    if look.decimals is not None:
        panel.decimals(look.decimals)
    if look.low is not None:
        panel.min(look.low)
    if look.high is not None:
        panel.max(look.high)
    if look.cases:
        panel.mappings(look.mappings(scene.language))
    return panel


def _done(panel: Builder, scene: Scene, columns: Sequence[Column], links: Sequence[Link], cells: bool) -> models.Panel:
    built = panel.build()
    assert built.field_config is not None
    built.field_config.overrides = [override(scene, one, cells=cells) for one in columns]
    if found := scene.links(*links):
        # The SDK types them as links of dashboards, which have fields that a link of data has not.
        built.field_config.defaults.links = cast("list[models.DashboardLink]", found)
    return built


def figure(
    scene: Scene,
    title: Words,
    sql: str,
    look: Look = COUNT,
    *,
    width: int = 4,
    height: int = 4,
    loud: bool = False,
    about: Words | None = None,
    links: Sequence[Link] = (),
    empty: Words = NOTHING,
) -> models.Panel:
    """One figure: the statement gives one row with one column. ``loud``: the whole tile takes the colour."""
    panel = _begun(stat.Panel(), scene, title, (width, height), about, empty)
    _looking(_asking(panel, scene, sql, "table"), scene, look)
    panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    panel.graph_mode(kinds.BigValueGraphMode.NONE).text_mode(kinds.BigValueTextMode.VALUE)
    mode = kinds.BigValueColorMode.BACKGROUND if loud else kinds.BigValueColorMode.VALUE
    panel.color_mode(mode).justify_mode(kinds.BigValueJustifyMode.CENTER).wide_layout(False)
    return _done(panel, scene, (), links, False)


def grid(
    scene: Scene,
    title: Words,
    sql: str,
    columns: Sequence[Column],
    *,
    width: int = 12,
    height: int = 10,
    about: Words | None = None,
    empty: Words = NOTHING,
) -> models.Panel:
    """A table; every column that the statement gives has its :class:`Column`."""
    panel = _asking(_begun(table.Panel(), scene, title, (width, height), about, empty), scene, sql, "table")
    panel.show_header(True).cell_height(kinds.TableCellHeight.SM).min_width(60).filterable(False).cell_options(
        kinds.TableAutoCellOptions()
    )
    panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.thresholds(Look(steps=((None, "text"),)).thresholds())
    return _done(panel, scene, columns, (), True)


def course(
    scene: Scene,
    title: Words,
    sql: str,
    look: Look = PLAIN,
    *,
    series: Sequence[Column] = (),
    width: int = 12,
    height: int = 9,
    draw: Literal["lines", "bars", "steps"] = "lines",
    stacked: bool = False,
    limits: bool = False,
    about: Words | None = None,
    links: Sequence[Link] = (),
    empty: Words = NOTHING,
) -> models.Panel:
    """Values over time. ``series`` name and colour those that are known; ``limits`` draws the steps of the look."""
    panel = _begun(timeseries.Panel(), scene, title, (width, height), about, empty)
    _looking(_asking(panel, scene, sql, "time_series"), scene, look)
    panel.interval("1m").color_scheme(build.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    panel.draw_style(kinds.GraphDrawStyle.BARS if draw == "bars" else kinds.GraphDrawStyle.LINE)
    if draw == "steps":
        panel.line_interpolation(kinds.LineInterpolation.STEP_AFTER)
    panel.fill_opacity(70 if draw == "bars" else 8).line_width(1).span_nulls(draw != "bars")
    panel.show_points(kinds.VisibilityMode.NEVER).axis_soft_min(0)
    mode = kinds.StackingMode.NORMAL if stacked else kinds.StackingMode.NONE
    panel.stacking(common.StackingConfig().mode(mode).group("A"))
    if limits:
        style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    panel.legend(_legend())
    order = kinds.SortOrder.DESCENDING
    panel.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(order))
    return _painted(_done(panel, scene, series, links, False), series)


def _legend() -> common.VizLegendOptions:
    mode, place = kinds.LegendDisplayMode.LIST, kinds.LegendPlacement.BOTTOM
    return common.VizLegendOptions().display_mode(mode).placement(place).show_legend(True).calcs([])


def _painted(panel: models.Panel, series: Sequence[Column]) -> models.Panel:
    """A series has one colour, that of the lowest step of its look."""
    assert panel.field_config is not None
    for one, given in zip(series, panel.field_config.overrides, strict=True):
        given.properties = [item for item in given.properties if item.id_val not in ("thresholds", "color")]
        colour = {"mode": "fixed", "fixedColor": one.look.steps[0][1]}
        given.properties.append(models.DynamicConfigValue("color", colour))
    return panel


def bars(
    scene: Scene,
    title: Words,
    sql: str,
    look: Look,
    *,
    width: int = 8,
    height: int = 10,
    about: Words | None = None,
    links: Sequence[Link] = (),
    empty: Words = NOTHING,
) -> models.Panel:
    """Lying bars: the statement gives a name and a value for each, the longest first."""
    panel = _begun(bargauge.Panel(), scene, title, (width, height), about, empty)
    _looking(_asking(panel, scene, sql, "table"), scene, look)
    panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.name_placement(kinds.BarGaugeNamePlacement.LEFT).value_mode(kinds.BarGaugeValueMode.TEXT)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(True).limit(25))
    panel.show_unfilled(True).min_viz_height(14).max_viz_height(28)
    return _done(panel, scene, (), links, False)


def states(
    scene: Scene,
    title: Words,
    sql: str,
    look: Look,
    *,
    width: int = 24,
    height: int = 10,
    about: Words | None = None,
    empty: Words = NOTHING,
) -> models.Panel:
    """What each was doing, over time: ``time``, ``metric`` (whose), and a number that the look names."""
    panel = _begun(statetimeline.Panel(), scene, title, (width, height), about, empty)
    _looking(_asking(panel, scene, sql, "time_series"), scene, look)
    panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.merge_values(True).show_value(kinds.VisibilityMode.NEVER).row_height(0.8).fill_opacity(80)
    panel.line_width(0).span_nulls(True).legend(_legend())
    return _done(panel, scene, (), (), False)
