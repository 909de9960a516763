"""Saying a document in a language and a zone: words, numbers, instants and durations as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from devices.instants import to_datetime
from fleet.reports.document import MOMENT, Cell, Document, Form, Name, Said
from fleet.reports.words import Language, catalogue

NOTHING = "–"
_DAY_US = 86_400_000_000
_ONE_DAY = 36 * 3_600_000_000  #: up to such a span instants of tables are told by the clock alone


class Speech:
    """A language and a zone. Of a document that spans about a day, instants are told by the clock (``00:41 +1``)."""

    def __init__(self, language: Language, document: Document) -> None:
        self.language: Language = language
        self.zone = ZoneInfo(document.zone)
        self._zone_name = document.zone
        self._first = self.local(document.start).date()
        self._start, self._end = document.start, document.end
        self.by_clock = document.end - document.start <= _ONE_DAY

    def word(self, word: str, **values: str) -> str:
        """A word of the catalogue. A word that is not there is shown by its id, so that nothing is lost."""
        texts = catalogue().get(word)
        return word if texts is None else texts[self.language].format(**values)

    def state(self, state: str) -> str:
        """The name of a state."""
        return self.word(f"state.{state}")

    def unit(self, form: Form) -> str:
        """The unit of a form; empty without one."""
        return self.word(form.unit) if form.unit else ""

    def text(self, cell: Cell, form: Form = Form()) -> str:  # noqa: B008 - frozen
        """A value as people read it, without its unit."""
        if cell is None:
            return NOTHING
        if isinstance(cell, Said):
            return self._said(cell)
        if isinstance(cell, Name):
            return (cell.zh or cell.text) if self.language == "zh" else (cell.text or cell.zh)
        if isinstance(cell, str):
            return self.state(cell) if form.kind == "state" else cell
        return self.word("yes" if cell else "no") if isinstance(cell, bool) else self._number(cell, form)

    def _said(self, said: Said) -> str:
        if said.word == MOMENT:
            return self.moment(int(str(said.values["at"])))
        return self.word(said.word, **{name: self._blank(value) for name, value in said.values.items()})

    def full(self, cell: Cell, form: Form) -> str:
        """A value with its unit, instants with their date."""
        if form.kind == "instant" and isinstance(cell, int):
            return self.moment(cell)
        if form.kind == "duration" and isinstance(cell, (int, float)):
            return self.duration(cell)
        text, unit = self.text(cell, form), self.unit(form)
        return f"{text} {unit}" if unit and cell is not None and not isinstance(cell, str) else text

    def title(self, word: str, form: Form) -> str:
        """The head of a column, with the unit."""
        unit = self.unit(form)
        return f"{self.word(word)} ({unit})" if unit else self.word(word)

    def local(self, instant: int) -> datetime:
        """An instant in the zone."""
        return to_datetime(instant).astimezone(self.zone)

    def naive(self, instant: int) -> datetime:
        """An instant as the clock on the wall of the zone shows it, to the second: for sheets, which know no zones."""
        moment = self.local(instant).replace(tzinfo=None)
        return (moment + timedelta(microseconds=500_000)).replace(microsecond=0)

    def moment(self, instant: int) -> str:
        """Date and clock."""
        return f"{self.naive(instant):%Y-%m-%d %H:%M:%S}"

    def clock(self, instant: int) -> str:
        """The clock, with ``+1`` on the day after the first one."""
        moment = self.naive(instant)
        days = (moment.date() - self._first).days
        return f"{moment:%H:%M:%S}" + (f" {days:+d}" if days else "")

    def zone_text(self) -> str:
        """The zone with its offset from UTC; with both, where the clocks change within the span."""
        ends = (self.local(self._start), self.local(max(self._start, self._end - 1)))
        offsets = dict.fromkeys(f"UTC{moment:%z}"[:6] + ":" + f"{moment:%z}"[3:5] for moment in ends)
        return f"{self._zone_name} ({' → '.join(offsets)})"

    def duration(self, seconds: float) -> str:
        """Hours and minutes, or minutes and seconds when it is less than an hour."""
        whole = round(abs(seconds))
        sign = "-" if seconds < 0 and whole else ""
        if whole >= 3600:
            hours, minutes = divmod(round(whole / 60), 60)
            return sign + self.word("duration.hours", hours=str(hours), minutes=f"{minutes:02d}")
        if whole >= 60:
            return sign + self.word("duration.minutes", minutes=str(whole // 60), seconds=f"{whole % 60:02d}")
        return sign + self.word("duration.seconds", seconds=str(whole))

    def _number(self, value: float, form: Form) -> str:
        if form.kind == "instant":
            return self.clock(int(value)) if self.by_clock else self.moment(int(value))
        if form.kind == "duration":
            return clock_length(value)
        if form.kind == "share":
            return f"{value * 100:.{form.decimals}f}\u00a0%"  # never parted by the end of a line
        decimals = 0 if isinstance(value, int) and form.kind == "text" else form.decimals
        text = f"{value:,.{decimals}f}"
        return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")

    def _blank(self, value: Cell) -> str:
        if isinstance(value, float):
            return f"{value:,.1f}".rstrip("0").rstrip(".")
        return self.text(value)


def clock_length(seconds: float) -> str:
    """A duration as ``h:mm:ss``, for tables."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    sign = "−" if seconds < 0 and (minutes or rest) else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
