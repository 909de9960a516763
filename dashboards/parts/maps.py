"""Maps: layers of points, each from a statement of its own that gives ``lat`` and ``lon`` (WGS-84)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as maps

from dashboards.parts.columns import Column, override
from dashboards.parts.looks import PLAIN
from dashboards.parts.scene import Scene
from dashboards.parts.sql import Query, reference
from dashboards.parts.words import NOTHING, Words


class Layer(NamedTuple):
    """Points that are coloured by a column. ``symbol``: circle, square, triangle, star, cross."""

    name: Words
    sql: str
    colour: str  #: the column whose look gives the colour
    symbol: str = "circle"
    size: int = 5


def chart(
    scene: Scene,
    title: Words,
    layers: Sequence[Layer],
    columns: Sequence[Column],
    *,
    width: int = 16,
    height: int = 16,
    about: Words | None = None,
) -> models.Panel:
    """A map that fits its points. ``columns`` are those of all layers: what is shown of a point when it is touched."""
    source = reference(scene.datasource_uid)
    panel = geomap.Panel().title(scene.said(title)).datasource(source).span(width).height(height)
    panel.no_value(scene.said(NOTHING)).color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.thresholds(PLAIN.thresholds())
    if about is not None:
        panel.description(scene.said(about))
    refs = "ABCDEFGH"[: len(layers)]
    for ref, layer in zip(refs, layers, strict=True):
        panel.with_target(Query(layer.sql, "table", source, ref))
    panel.layers([_markers(scene, ref, layer) for ref, layer in zip(refs, layers, strict=True)])
    # The server's own base map: an operator names one that may be used where the city is.
    panel.basemap(common.MapLayerOptions().type("default").name(scene.said(Words("底图", "Base map"))))
    panel.view(geomap.MapViewConfig().id("fit").all_layers(True).padding(8).max_zoom(17).zoom(13))
    panel.controls(
        geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(True).show_scale(True).show_attribution(True)
    )
    panel.tooltip(geomap.TooltipOptions().mode(maps.TooltipMode.DETAILS))
    built = panel.build()
    assert built.field_config is not None
    built.field_config.overrides = [override(scene, one) for one in columns]
    return built


def _markers(scene: Scene, ref: str, layer: Layer) -> common.MapLayerOptions:
    where = common.FrameGeometrySource().mode(kinds.FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon")
    style = {
        "color": {"field": layer.colour, "fixed": "blue"},
        "opacity": 0.85,
        "size": {"fixed": layer.size, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": f"img/icons/marker/{layer.symbol}.svg"},
    }
    made = common.MapLayerOptions().type("markers").name(scene.said(layer.name)).location(where).tooltip(True)
    return made.filter_data({"id": "byRefId", "options": ref}).config({"showLegend": True, "style": style})
