"""Every character of the reports' words is in the font that PDFs are set with: none of them shows as a box."""

from __future__ import annotations

from importlib.resources import files

from PIL import ImageFont

MISSING = "\U0010fffe"  # a noncharacter, which no font has


def test_no_word_of_a_report_shows_a_box() -> None:
    font = ImageFont.truetype(str(files("noto_cjk_sans_otc") / "NotoSansCJK-Regular.ttc"), 20)
    box = bytes(font.getmask(MISSING))
    found = set()
    for file in (files("fleet") / "reports" / "words").iterdir():
        if file.name.endswith(".yaml"):
            found |= {one for one in file.read_text("utf-8") if not one.isspace() and one.isprintable()}
    assert len(found) > 300
    assert {one for one in found if bytes(font.getmask(one)) == box} == set()
