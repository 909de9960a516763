"""Lines are what a strict parser reads, and what the client of InfluxDB's makers would have written."""

from __future__ import annotations

import string
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point as TheirPoint
from influxdb_client.domain.write_precision import WritePrecision
from line_protocol_parser import parse_line

from store.influx.lines import Point, encode, writable

AT = 1_795_392_000_123_456
TEXTS = st.text(string.ascii_letters + string.digits + " ,=\\\"'#/垃圾é", min_size=1).filter(str.strip)
# The parser takes no numbers below the smallest normal one; InfluxDB does.
FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
VALUES = st.one_of(FLOATS, st.integers(-(2**63), 2**63 - 1), st.booleans())


@given(
    device=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,20}", fullmatch=True),
    tags=st.dictionaries(st.sampled_from(["kind", "ward", "street"]), TEXTS),
    fields=st.dictionaries(st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True), VALUES, min_size=1),
)
def test_a_line_says_what_the_point_says(device: str, tags: dict[str, str], fields: dict[str, float]) -> None:
    (line,) = encode([Point("readings", device, AT, fields, tuple(tags.items()))]).decode().split("\n")
    parsed = parse_line(line)
    assert parsed["measurement"] == "readings"
    assert parsed["time"] == AT
    assert parsed["fields"] == fields
    assert {name: type(value) for name, value in parsed["fields"].items()} == {n: type(v) for n, v in fields.items()}
    # A backslash at the end of a tag gets a space behind it, as their own client does.
    wanted = {name: value + " " if value.endswith("\\") else value for name, value in tags.items()}
    assert parsed["tags"] == {"device": device, **wanted}


def test_tags_are_escaped_as_the_makers_client_does() -> None:
    tags = {"street": "South, 2=b \\ c", "ward": "环卫 1"}
    ours = encode([Point("my readings", "bin-1", AT, {"fill_pct": 80.5, "quality": 3}, tuple(tags.items()))]).decode()
    theirs = TheirPoint("my readings").tag("device", "bin-1").field("fill_pct", 80.5).field("quality", 3)
    for name, value in tags.items():
        theirs = theirs.tag(name, value)
    assert ours == theirs.time(AT, WritePrecision.US).to_line_protocol()


def test_tags_without_a_value_and_points_without_fields_are_left_out() -> None:
    points = [
        Point("readings", "bin-1", AT, {"fill_pct": 1.0}, (("ward", " "),)),
        Point("readings", "bin-2", AT, {}),
    ]
    assert encode(points) == f"readings,device=bin-1 fill_pct=1.0 {AT}".encode()


def test_lines_never_break_on_what_a_tag_holds() -> None:
    text = encode([Point("readings", "bin-1", AT, {"fill_pct": 1.0}, (("note", "a\nb\rc\td"),))]).decode()
    assert parse_line(text)["tags"]["note"] == "a b c d"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_without_a_form_are_known(value: float) -> None:
    assert not writable(value)
    assert not isfinite(value)
