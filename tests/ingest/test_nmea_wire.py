"""NMEA: pieces, envelopes, sentences."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from ingest.wire.nmea.lines import MAX_LINE, LineSplitter, checksum, is_tag_block, open_envelope
from ingest.wire.nmea.sentence import READERS, TALKERS, Facts, parse
from tests.corpora import corpus
from tests.nmea import gga, gsa, rmc, sentence


def facts(body: str) -> Facts:
    found = parse(sentence(body).encode()).facts
    assert found is not None
    return found


def pieces(*chunks: bytes) -> list[bytes]:
    splitter = LineSplitter()
    return [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.close()


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\n\n"])
def test_ends_of_lines(end: bytes) -> None:
    assert pieces(b"$A" + end + b"$B" + end) == [b"$A", b"$B"]


def test_half_lines_binary_and_sentences_run_together() -> None:
    stream = b"4,A*5B\r\n$GPA,1*00$GPB,2*00\xb5b\x01\x07\r\n\x00\x00\\g:1-2-34*5A\\$GPC,3*00\r\n$GPD,"
    assert pieces(stream) == [
        b"4,A*5B", b"$GPA,1*00", b"$GPB,2*00\xb5b\x01\x07", b"\x00\x00\\g:1-2-34*5A\\", b"$GPC,3*00", b"$GPD,",
    ]  # fmt: skip
    assert is_tag_block(b"\\g:1-2-34*5A\\")


def test_a_line_without_end_is_bounded_and_costs_only_itself() -> None:
    found = pieces(*[b"x" * 100] * 1_000, b"\n$GPA,1*00\n")
    assert [len(piece) for piece in found] == [MAX_LINE + 1, 9]
    splitter = LineSplitter()
    for _ in range(1_000):
        splitter.feed(b"x" * 100)
    assert len(splitter._rest) <= MAX_LINE


CHUNKS = st.lists(st.integers(0, 4_000), max_size=40).map(sorted)
STREAMS = st.lists(
    st.binary(max_size=30)
    | st.sampled_from([b"\r", b"\n", b"$", b"*", b"\\", b"x" * 300, rmc(1).encode(), gga(1).encode() + b"\r\n"]),
    max_size=30,
).map(b"".join)


@given(STREAMS, CHUNKS)
def test_any_chunking_gives_the_same_pieces(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *cuts, len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert pieces(*chunks) == pieces(stream)


def test_checksums() -> None:
    good = rmc(1).encode()
    assert open_envelope(good).checked
    body = good[1:-3]
    assert open_envelope(b"$" + body + b"*%02x" % checksum(body)).checked
    with pytest.raises(DecodeError, match="GNRMC: the checksum is missing"):
        parse(good[:-3])
    assert parse(good[:-3], checksum_required=False).checked is False
    with pytest.raises(DecodeError, match="GNRMC: the checksum is"):
        parse(good.replace(b"3114", b"3115"))
    with pytest.raises(DecodeError, match="more than"):
        parse(b"$" + b"x" * MAX_LINE + b"*00")


def test_a_tag_block_before_the_sentence() -> None:
    found = parse(b"\\s:r003669945,c:1120959341*51\\" + rmc(1).encode())
    assert (found.type, found.raw) == ("RMC", rmc(1).encode())


@pytest.mark.parametrize("talker", sorted(TALKERS))
@pytest.mark.parametrize("kind", sorted(READERS))
def test_every_talker_and_type(talker: str, kind: str) -> None:
    bodies = {
        "RMC": "RMC,120000.5,A,3114.8770,N,12135.2463,E,0.30,4.94,250215,,,A",
        "GGA": "GGA,120000.5,3114.8770,N,12135.2463,E,1,05,1.3,156.9,M,8.3,M,,0000",
        "GNS": "GNS,120000.5,3114.8770,N,12135.2463,E,ANNA,05,1.3,156.9,8.3,,0000",
        "GLL": "GLL,3114.8770,N,12135.2463,E,120000.5,A,A",
        "GSA": "GSA,A,3,05,12,,,,,,,,,,,1.7,0.8,1.6",
        "GSV": "GSV,1,1,02,05,30,046,22,12,40,100,27",
        "VTG": "VTG,84.40,T,,M,10.00,N,18.52,K,A",
        "ZDA": "ZDA,120000.5,25,02,2015,00,00",
    }
    found = parse(sentence(talker + bodies[kind]).encode())
    assert (found.talker, found.type, found.checked, found.problems) == (talker, kind, True, [])
    assert found.facts is not None
    if kind in ("RMC", "GGA", "GNS", "GLL"):
        assert (found.facts.lat, found.facts.lon) == pytest.approx((31.24795, 121.587438333), abs=1e-8)
        assert found.facts.time == 43_200_500_000


@pytest.mark.parametrize(
    ("body", "talker", "kind"),
    [
        ("GNTXT,01,01,02,ANTSTATUS=OK", "GN", "TXT"),
        ("GNTHS,121.15,A", "GN", "THS"),
        ("HCHDG,101.1,,,7.1,W", "HC", "HDG"),
        ("IIRMC,nonsense", "II", "RMC"),
        ("PUBX,00,081350.00,4717.1,N", "P", "UBX"),
        ("PQTMVERNO,MODULE_L96,V01", "P", "QTMVERNO"),
        ("PMTK001,604,3", "P", "MTK001"),
        ("GPGPQ,GGA", "GP", "GPQ"),
    ],
)
def test_what_is_passed_over(body: str, talker: str, kind: str) -> None:
    found = parse(sentence(body).encode())
    assert (found.talker, found.type, found.facts) == (talker, kind, None)


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,000706.00,V,4404.12938,N,12118.84590,W,,,090624,,,N,V",
        "GPRMC,000706.00,A,4404.12938,N,12118.84590,W,,,090624,,,N",
        "GPRMC,,V,,,,,,,,,,N",
        "GNGGA,074150.799,,,,,0,00,,,M,0.0,M,,0000,",
        "GNGGA,074150.799,4404.12938,N,12118.84590,W,0,00,99.99,,M,,M,,",
        "GNGGA,074150.799,,,,,,,,,,,,,",
        "GNGNS,074150.799,,,,,NNNN,00,,,0.0,,0000",
        "GNGLL,,,,,120000.0,V,N",
        "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1",
    ],
)
def test_void_is_no_position(body: str) -> None:
    found = facts(body)
    assert found.void
    assert (found.lat, found.lon, found.hdop, found.speed_kmh) == (None, None, None, None)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("GPRMC,120000,A,,N,12135.2463,E,,,250215,,,A", "GPRMC lat: missing"),
        ("GPRMC,120000,A,3114.8770,N", "GPRMC lon: missing"),
        ("GPRMC,120000,A,3114.8770,,12135.2463,E,,,250215,,,A", "GPRMC lat: expected N or S"),
        ("GPRMC,120000,A,3114.8770,N,2135.2463,E,,,250215,,,A", "GPRMC lon: expected dddmm.mmmm"),
        ("GPRMC,120000,A,3164.8770,N,12135.2463,E,,,250215,,,A", "GPRMC lat: expected ddmm.mmmm"),
        ("GPRMC,120000,A,9100.0000,N,12135.2463,E,,,250215,,,A", "GPRMC lat: 91 is beyond 90"),
        ("GPRMC,120000,A,3114.87.0,N,12135.2463,E,,,250215,,,A", "GPRMC lat: expected"),
        ("GPRMC,120000,Q,3114.8770,N,12135.2463,E,,,250215,,,A", "GPRMC status: expected A or V"),
        ("GPRMC,250000,A,3114.8770,N,12135.2463,E,,,250215,,,A", "GPRMC time: expected hhmmss"),
        ("GPRMC,120000,A,3114.8770,N,12135.2463,E,,,310215,,,A", "GPRMC date: 2015-02-31 is no day"),
        ("GPRMC,120000,A,3114.8770,N,12135.2463,E,,,25/2/15,,,A", "GPRMC date: expected ddmmyy"),
        ("GPGGA,120000,3114.8770,N,12135.2463,E,x,05,1.3,1,M,,M,,", "GPGGA quality: expected a whole number"),
        ("GNGNS,120000,3114.8770,N,12135.2463,E,A?,05,1.3,156.9,8.3,,0000", "GNGNS mode: expected letters"),
        ("GNZDA,120000,32,02,2015,00,00", "GNZDA date: 2015-02-32 is no day"),
        ("GNZDA,120000,,02,2015,00,00", "GNZDA date: expected day, month and year"),
        ("GNRMC,12\x01000,A", "GNRMC: holds characters"),
        ("GNRMC", "GNRMC: "),
    ],
)
def test_what_costs_the_sentence(body: str, says: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(sentence(body).encode())
    assert str(caught.value).startswith(says)


def test_a_bad_number_costs_only_itself() -> None:
    found = parse(sentence("GPRMC,120000,A,3114.8770,N,12135.2463,E,abc,361,250215,,,A").encode())
    assert found.facts is not None and found.facts.lat is not None
    assert (found.facts.speed_kmh, found.facts.heading_deg) == (None, None)
    assert found.problems == ["GPRMC speed: expected a number, got 'abc'", "GPRMC course: 361 is outside 0..360"]


@pytest.mark.parametrize("text", ["nan", "inf", "1e5", "１２", "0x10", "1,2"])
def test_numbers_of_other_kinds_are_refused(text: str) -> None:
    found = parse(sentence(f"GNVTG,84.40,T,,M,,N,{text},K,A").encode()) if text.isascii() else None
    if found is not None and "," not in text:
        assert found.facts is not None and found.facts.speed_kmh is None
        assert found.problems


def test_hemispheres_units_and_modes() -> None:
    south = facts("GPRMC,120000,A,3114.8770,S,12135.2463,W,10,,250215,,,A,V")
    assert (south.lat, south.lon) == pytest.approx((-31.24795, -121.587438333), abs=1e-8)
    assert (south.speed_kmh, south.heading_deg, south.void) == (18.52, None, False)
    assert facts("GPGGA,120000,3114.8770,N,12135.2463,E,8,05,1.3,1,M,,M,,").unreal
    assert facts("GPGGA,120000,3114.8770,N,12135.2463,E,6,05,1.3,1,M,,M,,").unreal is False
    assert facts("GPRMC,235960.00,V,,,,,,,300616,,,N").time == 86_400_000_000
    assert facts("GPRMC,120000,V,,,,,,,060180,,,N").date.year == 1980  # type: ignore[union-attr]
    assert facts("GNGNS,120000,3114.8770,N,12135.2463,E,NNNA,05,1.3,1,,,").constellations == ("BDS",)


def test_constellations_of_satellites() -> None:
    assert facts(gsa("05", system="4")[1:-3]).used == (("BDS", "05"),)
    assert facts("BDGSA,A,3,05,,,,,,,,,,,,1.7,0.8,1.6").used == (("BDS", "05"),)
    assert [name for name, _ in facts("GNGSA,A,3,05,70,205,310,,,,,,,,,1.7,0.8,1.6").used] == [
        "GPS", "GLONASS", "BDS", "GALILEO",
    ]  # fmt: skip


def test_signal_ids_tell_lists_apart() -> None:
    first = facts("GPGSV,1,1,01,05,30,046,22,1")
    second = facts("GPGSV,1,1,01,05,30,046,22,6")
    assert (first.in_view, first.part, second.part) == (1, "1/1", "1/6")


@given(st.binary(max_size=120))
def test_any_bytes_raise_nothing_but_decode_errors(data: bytes) -> None:
    try:
        parse(data, checksum_required=False)
    except DecodeError as error:
        assert str(error)


@given(
    st.sampled_from(sorted(TALKERS)),
    st.sampled_from(sorted(READERS)),
    st.lists(st.text("0123456789.-+ANVMWES*xé\x00", max_size=12) | st.integers().map(str), max_size=24),
)
def test_any_fields_raise_nothing_but_decode_errors(talker: str, kind: str, given_fields: list[str]) -> None:
    body = ",".join([talker + kind, *given_fields]).replace("*", "")
    try:
        found = parse(sentence(body).encode())
    except DecodeError as error:
        assert str(error).startswith(("line", talker))
        return
    assert found.facts is None or found.facts.lat is None or -90 <= found.facts.lat <= 90


def test_the_corpus_of_sentences() -> None:
    cases = corpus("nmea_sentences.jsonl")
    told = [parse(case["input"].encode()) for case in cases]
    assert [{"checksum_ok": one.checked, "talker": one.talker, "type": one.type} for one in told] == [
        case["expected"] for case in cases
    ]
    assert not [one.problems for one in told if one.problems]
