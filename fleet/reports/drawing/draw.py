"""A drawing of any block that can be drawn."""

from __future__ import annotations

from fleet.reports.document import Bars, Block, Lines, Map, Timeline
from fleet.reports.drawing.charts import draw_bars, draw_lines
from fleet.reports.drawing.map import draw_map
from fleet.reports.drawing.timeline import draw_timeline
from fleet.reports.speech import Speech


def draw(block: Block, speech: Speech) -> str:
    """A map or chart as SVG; empty text for a block that is none, or has nothing to show."""
    match block:
        case Map():
            return draw_map(block, speech)
        case Bars():
            return draw_bars(block, speech)
        case Lines():
            return draw_lines(block, speech)
        case Timeline():
            return draw_timeline(block, speech)
    return ""
