"""XLSX: a summary and a sheet for each table, with real numbers, dates and durations.

Dates and times are those of the report's zone, which stands on each sheet: sheets know no zones. All text is written
as text, so that none of it becomes a formula or a link.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import xlsxwriter

from devices.instants import to_datetime
from fleet.reports.document import TONES, Cell, Form, Table
from fleet.reports.drawing.palette import TONE
from fleet.reports.format import Edition, Format, always
from fleet.reports.sheets import change_cells, stamp_rows, summary_rows
from fleet.reports.speech import Speech

FONT = "Microsoft YaHei"
HEAD, INK, SOFT = "#1f3a4d", "#1f2a37", "#6b7683"
SHADES = {"good": "#e3f3e9", "warn": "#fdf0d9", "bad": "#fbe3e3", "unknown": "#eef1f4"}
_WIDEST, _FORBIDDEN = 60, str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_LONGEST = 32_000  #: characters; a cell holds 32,767


class Book:
    """A workbook while it is written. Formats are made once for each look."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.speech = Speech(edition.language, edition.document)
        self.target = BytesIO()
        options = {
            "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        }  # fmt: skip
        self.book = xlsxwriter.Workbook(self.target, options)
        self._looks: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._names: set[str] = set()

    def look(self, **wanted: Any) -> Any:
        """A format with these properties."""
        full = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "vcenter", **wanted}
        key = tuple(sorted(full.items()))
        if key not in self._looks:
            self._looks[key] = self.book.add_format(full)
        return self._looks[key]

    def sheet(self, title: str) -> Any:
        """A new sheet: at most 31 characters, no forbidden ones, no name twice (Excel's rules)."""
        base = title.translate(_FORBIDDEN).strip()[:31] or "-"
        name, count = base, 2
        while name.lower() in self._names:
            name = f"{base[: 31 - len(str(count)) - 1]} {count}"
            count += 1
        self._names.add(name.lower())
        sheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        return sheet

    def put(self, sheet: Any, row: int, column: int, cell: Cell, form: Form, **more: Any) -> int:
        """Write a value in its form; returns about how many characters wide it is shown."""
        if cell is None:
            sheet.write_blank(row, column, None, self.look(**more))
            return 1
        if isinstance(cell, (int, float)) and not isinstance(cell, bool):
            if form.kind == "instant":
                look = self.look(**{"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left", **more})
                sheet.write_datetime(row, column, self.speech.naive(int(cell)), look)
                return 19
            value, shape = _numeric(cell, form)
            sheet.write_number(row, column, value, self.look(num_format=shape, **more))
            return 10
        text = self.speech.text(cell, form)[:_LONGEST]
        if form.kind == "state" and isinstance(cell, str):
            tone = TONES.get(cell, "none")
            more = {**more, "bg_color": SHADES[tone]} if tone in SHADES else more
        sheet.write_string(row, column, text, self.look(**more))
        return _breadth(text)

    def close(self) -> bytes:
        """The bytes of the book."""
        document, stamp = self.edition.document, self.edition.stamp
        self.book.set_properties(
            {
                "title": self.speech.word(document.title),
                "subject": self.speech.text(document.subject)[:255],
                "author": "sanihub",
                "comments": f"revision {stamp.number}, sha256 {stamp.hash}",
                "created": to_datetime(stamp.made_at).replace(tzinfo=None),
            }
        )
        self.book.close()
        return self.target.getvalue()


def write(edition: Edition) -> bytes:
    """The workbook."""
    book = Book(edition)
    _summary(book)
    for table in edition.document.tables():
        _table(book, table)
    if edition.stamp.changes:
        _changes(book)
    return book.close()


def _numeric(value: float, form: Form) -> tuple[float, str]:
    """A number as Excel keeps it, and the shape in which it is shown."""
    if form.kind == "duration":
        return value / 86_400, "[h]:mm:ss"
    zeros = "." + "0" * form.decimals if form.decimals else ""
    return value, f"0{zeros}%" if form.kind == "share" else f"#,##0{zeros}"


def _breadth(text: str) -> int:
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def _headline(book: Book, sheet: Any, title: str) -> None:
    speech, document, stamp = book.speech, book.edition.document, book.edition.stamp
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, title, book.look(font_size=15, bold=True, font_color=HEAD))
    said = f"{speech.text(document.subject)}  ·  {speech.moment(document.start)} – {speech.moment(document.end)}"
    more = f"{speech.zone_text()}  ·  {speech.word('stamp.revision')} {stamp.number}"
    sheet.write_string(1, 0, f"{said}  ·  {more}"[:_LONGEST], book.look(font_color=SOFT, font_size=9))


def _heads(book: Book, sheet: Any, row: int, heads: list[str]) -> list[int]:
    look = book.look(bold=True, font_color="#ffffff", bg_color=HEAD, text_wrap=True, border=1, border_color="#ffffff")
    sheet.set_row(row, 30)
    for column, head in enumerate(heads):
        sheet.write_string(row, column, head, look)
    return [min(_breadth(head) + 3, 24) for head in heads]


def _finish(sheet: Any, widths: list[int], row: int) -> None:
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(max(width + 2, 9), _WIDEST))
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(row)
    sheet.set_footer("&L&8&A&R&8&P / &N")


def _summary(book: Book) -> None:
    speech = book.speech
    sheet = book.sheet(speech.word("sheet.summary"))
    _headline(book, sheet, speech.word(book.edition.document.title))
    names = ("section", "figure", "value", "unit", "aim")
    widths = _heads(book, sheet, 3, [speech.word(f"sheet.{name}") for name in names])
    rows = [*summary_rows(book.edition.document, speech), *stamp_rows(book.edition, speech)]
    for number, one in enumerate(rows, start=4):
        line = {"bottom": 1, "bottom_color": "#e1e6eb"}
        shade = {"bg_color": SHADES[one.tone], "font_color": TONE[one.tone]} if one.tone in SHADES else {}
        found = [
            book.put(sheet, number, 0, one.section, Form(), font_color=SOFT, **line),
            book.put(sheet, number, 1, one.title, Form(), **line),
            book.put(sheet, number, 2, one.value, one.form, **{"align": "left", "bold": True, **line, **shade}),
            book.put(sheet, number, 3, one.unit, Form(), font_color=SOFT, **line),
            book.put(sheet, number, 4, one.aim, one.form, font_color=SOFT, **line),
        ]
        widths = [max(pair) for pair in zip(widths, found, strict=True)]
    sheet.freeze_panes(4, 0)
    _finish(sheet, widths, 3)


def _table(book: Book, table: Table) -> None:
    speech = book.speech
    sheet = book.sheet(speech.word(table.title))
    _headline(book, sheet, speech.word(table.title))
    widths = _heads(book, sheet, 3, [speech.title(column.title, column.form) for column in table.columns])
    for number, row in enumerate(table.rows, start=4):
        stripe = {"bg_color": "#f6f8fa"} if number % 2 else {}
        for place, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
            widths[place] = max(widths[place], book.put(sheet, number, place, cell, column.form, **stripe))
    last = 3 + len(table.rows)
    if not table.rows:
        sheet.write_string(4, 0, speech.word(table.empty), book.look(font_color=SOFT, italic=True))
    else:
        sheet.autofilter(3, 0, last, len(table.columns) - 1)
        _colours(book, sheet, table, last)
    if table.total is not None:
        for place, (cell, column) in enumerate(zip(table.total, table.columns, strict=True)):
            book.put(sheet, last + 1, place, cell, column.form, bold=True, top=1, top_color=HEAD)
    sheet.freeze_panes(4, 1)
    _finish(sheet, widths, 3)


def _colours(book: Book, sheet: Any, table: Table, last: int) -> None:
    """Shares get a bar in their cell; states are shaded by :meth:`Book.put`, and stay so when a state is changed."""
    for place, column in enumerate(table.columns):
        if column.form.kind == "share":
            bar = {"type": "data_bar", "bar_color": "#9fd0b4", "min_type": "num", "min_value": 0,
                   "max_type": "num", "max_value": 1}  # fmt: skip
            sheet.conditional_format(4, place, last, place, bar)
        elif column.form.kind == "state":
            found = dict.fromkeys(row[place] for row in table.rows if isinstance(row[place], str))
            for state in found:
                tone = TONES.get(str(state), "none")
                if tone in SHADES:
                    look = book.book.add_format({"font_color": TONE[tone], "bg_color": SHADES[tone]})
                    said = f'"{book.speech.state(str(state))}"'
                    rule = {"type": "cell", "criteria": "==", "value": said, "format": look}
                    sheet.conditional_format(4, place, last, place, rule)


def _changes(book: Book) -> None:
    speech = book.speech
    sheet = book.sheet(speech.word("stamp.changes"))
    _headline(book, sheet, speech.word("stamp.changes_since", revision=str(book.edition.stamp.number - 1)))
    widths = _heads(book, sheet, 3, [speech.word(f"stamp.{name}") for name in ("what", "before", "after")])
    for number, change in enumerate(book.edition.stamp.changes, start=4):
        for place, text in enumerate(change_cells(change, speech)):
            widths[place] = max(widths[place], book.put(sheet, number, place, text, Form()))
    sheet.freeze_panes(4, 0)
    _finish(sheet, widths, 3)


FORMAT = Format(
    "xlsx", always("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), always("xlsx"), write
)
