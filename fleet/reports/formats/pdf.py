"""PDF, set with Typst. The content is data for a fixed page: no text of it is ever read as markup (ADR 0021).

The one font is Noto Sans CJK out of a wheel; nothing is looked for in the system or the network.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import noto_cjk_sans_otc
import typst

from fleet.reports.format import Edition, Format, always
from fleet.reports.layout import lay_out

MOST_TAGGED = 400  #: rows; the tags of each cell make long tables ten times as large


@cache
def _fonts() -> typst.Fonts:
    with as_file(noto_cjk_sans_otc.FONT_PATH) as path:
        return typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(Path(path).parent)]
        )


@cache
def _page() -> bytes:
    return (files(__package__) / "report.typ").read_bytes()


def write(edition: Edition) -> bytes:
    """The pages; tagged for readers aloud unless they are many. The time of the file is that of the revision."""
    content = msgspec.json.encode(lay_out(edition)).decode()
    rows = sum(len(table.rows) for table in edition.document.tables())
    made: bytes = typst.compile(
        _page(), font_paths=_fonts(), ignore_system_fonts=True, sys_inputs={"report": content},
        pdf_tags=rows <= MOST_TAGGED,
        timestamp=edition.stamp.made_at // 1_000_000,
    )  # fmt: skip
    return made


FORMAT = Format("pdf", always("application/pdf"), always("pdf"), write)
