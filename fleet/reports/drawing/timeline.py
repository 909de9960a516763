"""The timeline of a day: what was going on, in lanes of coloured spans."""

from __future__ import annotations

from fleet.reports.document import Timeline
from fleet.reports.drawing.axis import time_ticks
from fleet.reports.drawing.charts import legend
from fleet.reports.drawing.palette import MUTED, of_state
from fleet.reports.drawing.svg import breadth, drawing, path, shortened, tag, text
from fleet.reports.speech import Speech

WIDTH, LANE = 720.0, 24.0
MOST_LANES = 60


def draw_timeline(what: Timeline, speech: Speech) -> str:
    """A timeline as SVG, at most :data:`MOST_LANES` lanes; empty text without any."""
    lanes = what.lanes[:MOST_LANES]
    if not lanes or what.end <= what.start:
        return ""
    labels = [speech.text(lane.label) for lane in lanes]
    left = min(max(breadth(said, 9) for said in labels) + 16, 150.0)
    scale = (WIDTH - left - 14) / (what.end - what.start)
    bottom = LANE * len(lanes) + 6
    parts, spans = [], []
    for index, (lane, said) in enumerate(zip(lanes, labels, strict=True)):
        y = 4 + LANE * index
        parts.append(text(left - 8, y + 14, shortened(said, left - 12, 9), size=9, anchor="end"))
        ground = {"x": left, "y": y, "width": WIDTH - left - 14, "height": LANE - 4}
        parts.append(tag("rect", **ground, rx=3, fill="#f1f3f5", class_="lane"))
        for start, end, state in lane.spans:
            begin, until = max(start, what.start), min(end, what.end)
            if until > begin and state != "no_data":
                x, wide = left + (begin - what.start) * scale, max((until - begin) * scale, 0.6)
                spans.append(tag("rect", x=x, y=y, width=wide, height=LANE - 4, fill=of_state(state)))
    for at, said in time_ticks(what.start, what.end, speech, most=14):
        x = left + (at - what.start) * scale
        parts.append(path([(x, 2), (x, bottom)], stroke="#d5dbe1", stroke_width=0.8, class_="grid"))
        parts.append(text(x, bottom + 11, said, size=8, anchor="middle", fill=MUTED))
    parts += spans
    states = dict.fromkeys(state for lane in lanes for _, _, state in lane.spans)
    named = [(of_state(state), speech.state(state)) for state in states]
    return drawing(WIDTH, bottom + 36, "".join(parts) + legend(named, bottom + 30), speech.word(what.title))
