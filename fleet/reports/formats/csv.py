"""CSV (RFC 4180): one table, or a zip with a file for each.

Local times of the report's zone with their offset, so that nothing is lost; durations in seconds, shares from 0 to 1.
Text that a spreadsheet would read as a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
from datetime import datetime
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fleet.reports.document import Cell, Column, Form, Table
from fleet.reports.format import Edition, Format
from fleet.reports.sheets import stamp_rows, summary_rows
from fleet.reports.speech import Speech

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
_BOM = "﻿"


def write(edition: Edition) -> bytes:
    """The table that is asked for, or all of them with a summary. Raises ValueError for a table that is not there."""
    speech = Speech(edition.language, edition.document)
    tables = {table.id: table for table in edition.document.tables()}
    if edition.table is not None:
        if edition.table not in tables:
            raise ValueError(f"table: there is no {edition.table!r}; expected one of {', '.join(tables)}")
        return _encoded(_table(tables[edition.table], speech), edition.bom)
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        summary = [
            [speech.word("sheet.section"), speech.word("sheet.figure"), speech.word("sheet.value"),
             speech.word("sheet.unit"), speech.word("sheet.aim")]
        ]  # fmt: skip
        summary += [
            [
                row.section,
                row.title,
                _cell(row.value, row.form, speech),
                row.unit,
                "" if row.aim is None else str(row.aim),
            ]
            for row in (*summary_rows(edition.document, speech), *stamp_rows(edition, speech))
        ]
        archive.writestr(_entry("summary.csv"), _encoded(summary, edition.bom))
        for table in tables.values():
            archive.writestr(_entry(f"{table.id}.csv"), _encoded(_table(table, speech), edition.bom))
    return target.getvalue()


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip(" ").startswith(_RISKY) else text


def _table(table: Table, speech: Speech) -> list[list[str]]:
    head = [speech.title(column.title, _unit(column)) for column in table.columns]
    return [head, *([_cell(cell, column.form, speech) for cell, column in zip(row, table.columns, strict=True)]
                    for row in table.rows)]  # fmt: skip


def _unit(column: Column) -> Form:
    return Form("number", "unit.s") if column.form.kind == "duration" else column.form


def _cell(cell: Cell, form: Form, speech: Speech) -> str:
    if cell is None:
        return ""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        if form.kind == "instant":
            return _local(speech.local(int(cell)))
        return f"{cell:.9g}" if isinstance(cell, float) else str(cell)
    return guarded(speech.text(cell, form))


def _local(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _encoded(rows: list[list[str]], bom: bool) -> bytes:
    target = StringIO(newline="")
    csv.writer(target).writerows(rows)
    return ((_BOM if bom else "") + target.getvalue()).encode("utf-8", "replace")


def _entry(name: str) -> ZipInfo:
    """With a fixed date, so that the same report is the same archive."""
    entry = ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    return entry


FORMAT = Format(
    "csv",
    lambda edition: "application/zip" if edition.table is None else "text/csv; charset=utf-8",
    lambda edition: "zip" if edition.table is None else "csv",
    write,
)
