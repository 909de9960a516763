"""Charts: lying bars of stacked parts, and lines over time."""

from __future__ import annotations

from fleet.reports.document import Bars, Form, Lines
from fleet.reports.drawing.axis import ticks, time_ticks
from fleet.reports.drawing.palette import BAD, GRID, MUTED, SERIES, of_state
from fleet.reports.drawing.svg import breadth, drawing, path, shortened, tag, text
from fleet.reports.speech import Speech

WIDTH, LEFT, RIGHT = 720.0, 150.0, 60.0
ROW, HIGH = 22.0, 190.0
MOST_BARS = 60


def draw_bars(what: Bars, speech: Speech) -> str:
    """Bars as SVG, at most :data:`MOST_BARS` of them; empty text without any."""
    bars = what.bars[:MOST_BARS]
    if not bars:
        return ""
    most = max(sum(value for _, value in bar.parts) for bar in bars)
    marks = ticks(max(most, what.aim or 0))
    if what.form.kind == "share" and marks[-1] > 1:
        marks = [mark for mark in marks if mark <= 1]
    room, bottom = WIDTH - LEFT - RIGHT, ROW * len(bars) + 8
    scale = room / max(marks[-1], most)
    parts = []
    for mark in marks:
        x = LEFT + mark * scale
        parts.append(path([(x, 4), (x, bottom)], stroke=GRID, stroke_width=1, class_="grid"))
        parts.append(text(x, bottom + 12, _short(mark, what.form, speech), size=8, anchor="middle", fill=MUTED))
    for index, bar in enumerate(bars):
        y, x = 6 + ROW * index, LEFT
        label = shortened(speech.text(bar.label), LEFT - 12, 9)
        parts.append(text(LEFT - 8, y + 12, label, size=9, anchor="end"))
        for state, value in bar.parts:
            parts.append(
                tag(
                    "rect",
                    x=x,
                    y=y + 1,
                    width=value * scale,
                    height=ROW - 8,
                    fill=of_state(state),
                    rx=1.5,
                    class_=shade(state),
                )
            )
            x += value * scale
        whole = sum(value for _, value in bar.parts)
        parts.append(text(x + 5, y + 12, _short(whole, what.form, speech), size=8.5, fill=MUTED))
    if what.aim is not None:
        x = LEFT + what.aim * scale
        parts.append(path([(x, 0), (x, bottom)], stroke=BAD, stroke_width=1.2, stroke_dasharray="4 3"))
    states = dict.fromkeys(state for bar in bars for state, _ in bar.parts)
    named = [(of_state(state), speech.state(state)) for state in states] if len(states) > 1 else []
    height = bottom + 20 + (18 if named else 0)
    return drawing(WIDTH, height, "".join(parts) + legend(named, height - 5), speech.word(what.title))


def draw_lines(what: Lines, speech: Speech) -> str:
    """Lines over time as SVG; empty text without a value."""
    values = [value for series in what.series for _, value in series.points if value is not None]
    if not values:
        return ""
    left, top, bottom = 52.0, 8.0, HIGH
    marks = ticks(max(*values, what.limit or 0, 0))
    x_scale = (WIDTH - left - 12) / max(what.end - what.start, 1)
    y_scale = (bottom - top) / marks[-1]
    parts = []
    for mark in marks:
        y = bottom - mark * y_scale
        parts.append(path([(left, y), (WIDTH - 12, y)], stroke=GRID, stroke_width=1, class_="grid"))
        parts.append(text(left - 6, y + 3, _short(mark, what.form, speech), size=8, anchor="end", fill=MUTED))
    for at, said in time_ticks(what.start, what.end, speech):
        x = left + (at - what.start) * x_scale
        parts.append(text(x, bottom + 13, said, size=8, anchor="middle", fill=MUTED))
    for index, series in enumerate(what.series):
        colour = SERIES[index % len(SERIES)]
        for run in _runs(series.points):
            places = [(left + (at - what.start) * x_scale, bottom - value * y_scale) for at, value in run]
            parts.append(path(places if len(places) > 1 else places * 2, stroke=colour, stroke_width=1.6))
    if what.limit is not None:
        y = bottom - what.limit * y_scale
        parts.append(path([(left, y), (WIDTH - 12, y)], stroke=BAD, stroke_width=1.2, stroke_dasharray="4 3"))
    named = [(SERIES[index % len(SERIES)], speech.text(one.label)) for index, one in enumerate(what.series)]
    named += [(BAD, speech.word("chart.limit"))] if what.limit is not None else []
    return drawing(WIDTH, HIGH + 40, "".join(parts) + legend(named, HIGH + 34), speech.word(what.title))


def shade(state: str) -> str:
    """The class of what has a state's colour: the one that is all but white needs another in the dark."""
    return "no-data" if state == "no_data" else "state"


def legend(named: list[tuple[str, str]], y: float, x: float = 4.0) -> str:
    """Colours and what they stand for, in a line."""
    parts = []
    for colour, said in named:
        parts.append(
            tag("rect", x=x, y=y - 8, width=10, height=9, rx=2, fill=colour, stroke="#c3cbd3", stroke_width=0.5)
        )
        parts.append(text(x + 14, y, said, size=8.5, fill=MUTED))
        x += 14 + breadth(said, 8.5) + 14
    return "".join(parts)


def _runs(points: tuple[tuple[int, float | None], ...]) -> list[list[tuple[int, float]]]:
    """Pieces without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _short(value: float, form: Form, speech: Speech) -> str:
    """A value on an axis: shares without decimals where they have none to show, durations in hours."""
    if form.kind == "share":
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    if form.kind == "duration":
        return speech.duration(value)
    return f"{value:.2g}" if 0 < value < 0.1 else f"{value:,.2f}".rstrip("0").rstrip(".")
