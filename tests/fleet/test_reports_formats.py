"""Reports in their formats: real numbers and dates, words that show, and names that stay names."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO, StringIO
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import openpyxl
import pypdfium2
import pytest
from msgspec import structs

from fleet.master.route import Stop
from fleet.reports.canonical import content_hash
from fleet.reports.document import Document, Map
from fleet.reports.drawing.draw import draw
from fleet.reports.format import Edition, file_name, formats
from fleet.reports.speech import Speech
from fleet.reports.stamp import Appeal, Change, Signature
from fleet.reports.words import Language
from tests.report_documents import documents
from tests.report_samples import at, compliance_document, edition, judged

EVIL = '=HYPERLINK("http://evil","x")<script>alert(1)</script>&#panic()#image("/etc/passwd")*b*$x$\\"]]>{{7*7}}'


@pytest.fixture(scope="module")
def document() -> Document:
    return compliance_document()


def written(name: str, of: Edition) -> bytes:
    return formats()[name].write(of)


def book_of(of: Edition) -> Any:
    return openpyxl.load_workbook(BytesIO(written("xlsx", of)))


def pdf_text(content: bytes) -> str:
    pages = pypdfium2.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_range() for page in pages)


def test_all_formats_are_found() -> None:
    assert set(formats()) == {"json", "csv", "xlsx", "html", "pdf"}


@pytest.mark.parametrize("name", ["json", "csv", "xlsx", "html", "pdf"])
def test_the_same_edition_gives_the_same_bytes(document: Document, name: str) -> None:
    assert written(name, edition(document, "zh")) == written(name, edition(document, "zh"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_can_be_written_in_every_format(language: Language) -> None:
    for one in documents():
        for name in ("json", "csv", "xlsx", "html"):
            assert len(written(name, edition(one, language))) > 500


# ---- XLSX ------------------------------------------------------------------------------------------------------------


def test_a_sheet_has_numbers_dates_and_durations(document: Document) -> None:
    book = book_of(edition(document, "en"))
    assert book.sheetnames[0] == "Summary"
    sheet = book["All stops"]
    heads = [cell.value for cell in sheet[4]]
    assert heads[:4] == ["Pass", "Stop", "State", "Not before"]
    first = sheet[5]
    assert first[3].value == datetime(2026, 11, 23, 5, 40)  # the clock of Shanghai
    assert first[3].number_format == "yyyy-mm-dd hh:mm:ss"
    assert first[0].value == 1
    passes = book["Coverage by pass"]
    assert passes["B5"].value == pytest.approx(8.9)
    assert passes["B5"].number_format == "#,##0.00"
    assert passes["F5"].value == pytest.approx(8200 / 8900)
    assert passes["F5"].number_format == "0.0%"
    gap = book["Gaps in the data"]
    assert gap["C5"].value == timedelta(minutes=18)
    assert gap["C5"].number_format == "[h]:mm:ss"


def test_a_sheet_can_be_read_on(document: Document) -> None:
    sheet = book_of(edition(document, "zh"))["全部站点"]
    assert sheet.freeze_panes == "B5"
    assert sheet.auto_filter.ref == "A4:I44"
    assert "Asia/Shanghai (UTC+08:00)" in sheet["A2"].value
    assert max(dimension.width for dimension in sheet.column_dimensions.values()) <= 60
    assert {sheet.cell(row, 3).value for row in range(5, 45)} == {"准时", "迟到", "遗漏", "无数据"}


def test_text_in_a_sheet_is_never_a_formula() -> None:
    book = book_of(edition(evil_document(), "en"))
    texts = [cell for sheet in book for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert any(cell.value == EVIL for cell in texts)
    assert all(cell.data_type == "s" for cell in texts)
    assert all(cell.hyperlink is None for cell in texts)


# ---- CSV -------------------------------------------------------------------------------------------------------------


def test_csv_has_a_file_for_each_table_or_the_one_that_is_asked_for(document: Document) -> None:
    with ZipFile(BytesIO(written("csv", edition(document, "en")))) as archive:
        assert {"summary.csv", "stops.csv", "deviations.csv"} <= set(archive.namelist())
        assert archive.read("stops.csv").startswith(b"\xef\xbb\xbf")
    one = structs.replace(edition(document, "en"), table="stops", bom=False)
    rows = list(csv.DictReader(StringIO(written("csv", one).decode("utf-8"))))
    assert len(rows) == 40
    assert rows[0]["Served at"] == "2026-11-23 06:00:00+08:00"
    with pytest.raises(ValueError, match="table: there is no 'nonsense'; expected one of passes"):
        written("csv", structs.replace(one, table="nonsense"))


def test_text_in_csv_is_never_a_formula() -> None:
    with ZipFile(BytesIO(written("csv", edition(evil_document(), "en")))) as archive:
        cells = [
            cell
            for name in archive.namelist()
            for row in csv.reader(StringIO(archive.read(name).decode("utf-8-sig")))
            for cell in row
        ]
    assert any(cell == "'" + EVIL for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@", "\t", "\r"))]
    assert not [cell for cell in cells if re.match(r"[+-](?![\d.])", cell)]


# ---- HTML and drawings -----------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_names_are_no_markup_in_html() -> None:
    page = written("html", edition(evil_document(), "en")).decode()
    found = Tags()
    found.feed(page)
    assert "script" not in found.tags
    assert not found.handlers
    assert all(address.startswith("/api/v1/") for address in found.addresses)
    assert "{{7*7}}" in page
    assert "&lt;script&gt;" in page


def test_a_page_needs_nothing_else(document: Document) -> None:
    page = written("html", edition(document, "zh")).decode()
    assert 'lang="zh-CN"' in page
    assert "路线合规报告" in page
    assert not re.findall(r"(?:src|href)=[\"']https?:", page)
    assert "default-src 'none'" in page
    assert "<svg" in page


def test_drawings_are_sound_xml_whatever_a_stop_is_called() -> None:
    for one in (*documents(), evil_document("\x00\x0b￾<b>\ud800")):
        speech = Speech("zh", one)
        for _, block in one.blocks():
            svg = draw(block, speech)
            if svg:
                root = ET.fromstring(svg)
                assert {element.tag.split("}")[1] for element in root.iter()} <= {
                    "svg",
                    "title",
                    "rect",
                    "path",
                    "text",
                    "circle",
                }


def test_a_map_of_one_point_and_of_nothing() -> None:
    speech = Speech("en", documents()[0])
    assert draw(Map("m", "map.route"), speech) == ""


# ---- PDF -------------------------------------------------------------------------------------------------------------


def test_a_pdf_says_it_in_chinese_with_its_own_font(document: Document) -> None:
    content = written("pdf", edition(document, "zh"))
    text = pdf_text(content)
    for word in (
        "路线合规报告",
        "老城环线",
        "王建国",
        "人民路5号",
        "准点率",
        "Asia/Shanghai (UTC+08:00)",
        "87.2\u00a0%",
    ):
        assert word in text
    fonts = set(re.findall(rb"/BaseFont\s*/([A-Z]{6}\+[\w-]+)", inflated(content)))
    assert fonts
    assert all(b"NotoSansCJK" in font for font in fonts)
    assert b"/FontFile" in inflated(content)


def test_names_are_no_markup_in_pdf_and_long_tables_go_on() -> None:
    many = judged()
    stops = tuple(structs.replace(stop, number=number) for number in range(1, 6) for stop in many.compliance.stops[:40])
    of = structs.replace(many, compliance=structs.replace(many.compliance, stops=stops), drivers=(EVIL,))
    content = written("pdf", edition(compliance_document(of), "en"))
    pages = pypdfium2.PdfDocument(content)
    texts = [page.get_textpage().get_text_range() for page in pages]
    flat = re.sub(r"\s", "", "".join(texts))
    for piece in ("#panic()", '#image("/etc/passwd")', "*b*$x$", "<script>alert(1)</script>"):
        assert piece in flat
    heads = [text for text in texts if "Served at" in text and "Evidence" in text]
    assert len(heads) >= 4  # the head of the table stands on each page
    assert f"Page {len(texts)} / {len(texts)}" in texts[-1]


def inflated(content: bytes) -> bytes:
    """The objects of a PDF, those within object streams too."""
    import zlib

    found = content
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found += zlib.decompress(match[1])
        except zlib.error:
            continue
    return found


# ---- JSON, stamp, names ----------------------------------------------------------------------------------------------


def test_json_is_the_same_in_each_language_and_has_the_hash(document: Document) -> None:
    chinese, english = (json.loads(written("json", edition(document, language))) for language in ("zh", "en"))
    assert chinese == english
    assert chinese["report"]["hash"] == "sha256:" + content_hash(document)
    assert chinese["report"]["zone"] == "Asia/Shanghai"
    assert chinese["report"]["from"] == "2026-11-22T21:30:00Z"


def test_revision_signatures_and_appeals_are_shown(document: Document) -> None:
    stamp: dict[str, Any] = {
        "number": 2,
        "changes": (Change(("Stop 4",), 1, 2),),
        "signatures": (Signature(1, 1, at(24, 9), "key:x", "陈主任", "seen"),),
        "appeals": (
            Appeal(1, 2, at(24, 10), "key:y", "李伟", "Stop 4", "road closed", "accepted", at(24, 11), "m", "ok"),
        ),
    }  # fmt: skip
    for text in (
        written("html", edition(document, "zh", **stamp)).decode(),
        pdf_text(written("pdf", edition(document, "zh", **stamp))),
    ):
        for word in ("版本 1", "陈主任", "李伟", "已采纳", "road closed", "需要重新签字"):
            assert word in text
    assert "变更" in book_of(edition(document, "zh", **stamp)).sheetnames


def test_a_file_has_a_plain_name() -> None:
    assert file_name(edition(evil_document(), "zh")) == "route-compliance-20261123-r1-zh"


def evil_document(name: str = EVIL) -> Document:
    """The sample, with what somebody has called things."""
    one = judged(driver=name)
    stops = tuple(structs.replace(stop, name=name) if isinstance(stop, Stop) else stop for stop in one.route.stops)
    return compliance_document(
        structs.replace(one, route=structs.replace(one.route, stops=stops, name=name, name_zh=""), vehicle_name=name)
    )


def test_a_long_id_stays_on_the_page() -> None:
    long = "route-0002-2026-11-23-with-a-plan-of-its-own" + "x" * 60
    content = written("pdf", edition(compliance_document(judged(plan=long), judged(plan="p-2")), "zh"))
    page = pypdfium2.PdfDocument(content)[0]
    text = page.get_textpage()
    rights = [text.get_charbox(place)[2] for place in range(text.count_chars())]
    assert max(rights) <= page.get_width() - 40  # the margin is 1.7 cm, 48 points
