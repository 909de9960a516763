"""NMEA: which sentences make an epoch, and what it says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import instants
from devices.errors import DecodeError
from ingest.wire.nmea.claim import EpochClaim
from ingest.wire.nmea.epoch import MAX_SENTENCES, Epoch, EpochAssembler
from ingest.wire.nmea.lines import LineSplitter
from ingest.wire.nmea.sentence import parse
from tests.corpora import corpus
from tests.nmea import burst, clock, drive, gga, gsa, rmc, sentence

VTG = sentence("GNVTG,84.40,T,,M,10.00,N,18.52,K,A")


def epochs(lines: list[str], *, flush: bool = True) -> list[Epoch]:
    assembler = EpochAssembler()
    found = [epoch for line in lines for epoch in assembler.feed(parse(line.encode()))]
    return found + (assembler.flush() if flush else [])


def claims(lines: list[str]) -> list[EpochClaim]:
    return [epoch.claim() for epoch in epochs(lines)]


def types(epoch: Epoch) -> str:
    return " ".join(one.type for one in epoch.sentences)


def times(found: list[EpochClaim]) -> list[str | None]:
    return [None if claim.observed_at is None else instants.to_iso(claim.observed_at) for claim in found]


def test_one_epoch_becomes_one_claim() -> None:
    (claim,) = claims(burst(8 * 3600))
    assert times([claim]) == ["2026-11-23T08:00:00Z"]
    position = claim.position
    assert position is not None and position.valid
    assert (position.lat, position.lon) == pytest.approx((31 + 14 / 60, 121.587438333), abs=1e-8)
    assert (position.altitude_m, position.speed_kmh, position.heading_deg, position.hdop) == (15.0, 18.52, 84.4, 0.8)
    assert (position.satellites, position.constellations) == (12, ("BDS", "GPS"))
    assert (claim.satellites, claim.in_view, claim.problems) == (12, {"GPS": 3}, [])


def test_the_first_sentence_of_the_next_epoch_completes_one() -> None:
    lines = burst(1) + burst(2)
    assert len(epochs(lines[:6], flush=False)) == 0
    assert len(epochs(lines[:7], flush=False)) == 1
    assert [types(epoch) for epoch in epochs(lines)] == ["RMC VTG GGA GSA GSA GSV"] * 2


@pytest.mark.parametrize(
    "cycle",
    [
        ["rmc", "gga", "gsa4", "vtg"],
        ["gsa4", "gsa1", "vtg", "rmc", "gga"],
        ["vtg", "gga", "gsa4", "rmc"],
        ["gga", "gsa4", "rmc", "vtg"],
        ["gsa4", "vtg", "gga", "gsa1", "rmc"],
    ],
)
def test_the_order_within_an_epoch_does_not_matter(cycle: list[str]) -> None:
    """From the second cycle on, what carries no time is told from what went before by coming again."""
    lines = []
    for second in range(1, 6):
        make = {
            "rmc": rmc(second),
            "gga": gga(second),
            "vtg": VTG,
            "gsa4": gsa(f"{second:02d}"),
            "gsa1": gsa(system="4"),
        }
        lines += [make[name] for name in cycle]
    found = epochs(lines)
    assert len(found) == 5
    assert {len(epoch.sentences) for epoch in found} == {len(cycle)}
    for second, epoch in enumerate(found, 1):
        assert gsa(f"{second:02d}").encode() in [one.raw for one in epoch.sentences]


def test_several_lists_of_satellites_in_a_row_belong_together() -> None:
    old = [sentence(f"GNGSA,A,3,{numbers}{',' * 11},1.7,0.8,1.6") for numbers in ("05", "70")]
    found = claims([rmc(1), gga(1), *old, rmc(2), gga(2), *old])
    assert [claim.position.constellations for claim in found if claim.position] == [("GLONASS", "GPS")] * 2


@pytest.mark.parametrize(
    "lines",
    [
        [rmc(1), gga(1, quality=0)],
        [rmc(1), gsa("", 1), gsa("", 1, "4")],
        [sentence("GNRMC,000001.00,V,3114.8770,N,12135.2463,E,,,231126,,,N"), gga(1)],
        [sentence("GNGNS,000001.00,,,,,NN,00,,,,,"), rmc(1)],
        [sentence("GNGLL,,,,,000001.00,V,N"), rmc(1)],
    ],
)
def test_void_is_no_fix(lines: list[str]) -> None:
    (claim,) = claims(lines)
    assert claim.position is None
    assert times([claim]) == ["2026-11-23T00:00:01Z"]


def test_one_constellation_without_a_solution_is_no_verdict() -> None:
    (claim,) = claims([rmc(1), gsa("", 1, "2"), gsa("03,05", 3, "4")])
    assert claim.position is not None and claim.position.constellations == ("BDS",)
    assert claim.satellites == 2


def test_typed_and_simulated_positions_and_null_island_are_not_valid() -> None:
    for line in (gga(1, quality=8), gga(1, quality=7), sentence("GPGLL,0000.0000,N,00000.0000,E,000001,A,A")):
        (claim,) = claims([line])
        assert claim.position is not None and not claim.position.valid


def test_a_receiver_without_time_says_nothing() -> None:
    void = [sentence("GPRMC,,V,,,,,,,,,,N"), VTG, sentence("GPGGA,,,,,,0,00,99.99,,,,,,"), gsa("", 1)]
    assert epochs(void * 50) == []
    found = claims(void * 3 + burst(5))
    assert times(found) == ["2026-11-23T00:00:05Z"]
    assert found[0].position is not None


def test_the_date_is_carried_through_midnight() -> None:
    late, early = 86_399, 0
    found = claims([gga(late - 1), rmc(late), gga(early), gga(1), gga(late), gga(2), rmc(3, date="241126")])
    assert times(found) == [
        None,  # none known yet
        "2026-11-23T23:59:59Z",
        "2026-11-24T00:00:00Z",
        "2026-11-24T00:00:01Z",
        "2026-11-23T23:59:59Z",  # late
        "2026-11-24T00:00:02Z",
        "2026-11-24T00:00:03Z",
    ]


def test_zda_tells_the_year_in_full() -> None:
    zda = sentence(f"GNZDA,{clock(1)},23,11,2026,00,00")
    assert times(claims([gga(1), zda, rmc(1, date="230407")])) == ["2026-11-23T00:00:01Z"]
    assert claims([zda]) == []  # a date alone is no epoch, but it is remembered
    assert times(claims([zda, gga(2)])) == ["2026-11-23T00:00:02Z"]


def test_a_date_of_1980_stays_a_claim() -> None:
    assert times(claims([rmc(1, date="060180")])) == ["1980-01-06T00:00:01Z"]


def test_a_sentence_delivered_twice_changes_nothing() -> None:
    assert [types(epoch) for epoch in epochs([rmc(1), rmc(1), gga(1), rmc(1), gga(1), rmc(2)])] == ["RMC GGA", "RMC"]


def test_a_clock_that_stands_still_makes_epochs_nevertheless() -> None:
    found = epochs([rmc(1, f"31{minute}.0000,N") for minute in range(10, 60)] * 10)
    assert len(found) == 500
    assert [epoch.seq for epoch in found[:3]] == [None, 1, 2]


def test_a_pause_within_an_epoch_makes_a_second_one_that_holds_the_first() -> None:
    assembler = EpochAssembler()
    assembler.feed(parse(rmc(1).encode()))
    (first,) = assembler.flush()
    assert assembler.flush() == []
    assembler.feed(parse(gsa().encode()))
    assembler.feed(parse(gga(1).encode()))
    (second,) = assembler.feed(parse(rmc(2).encode()))
    assert (types(first), first.seq, types(second), second.seq) == ("RMC", None, "RMC GSA GGA", 1)
    (third,) = assembler.flush()
    assert (types(third), third.seq) == ("RMC", None)


def test_an_epoch_is_bounded() -> None:
    lines = [rmc(1)] + [sentence(f"GPGSV,9,{number},09,05,30,046,22,1") for number in range(1_000)]
    assembler = EpochAssembler()
    for line in lines:
        assembler.feed(parse(line.encode()))
        assert len(assembler._now) + len(assembler._next) <= MAX_SENTENCES


def read(stream: list[bytes]) -> list[tuple[list[bytes], object]]:
    """What a stream in chunks comes to: the raw sentences and the claim of each epoch."""
    splitter, assembler = LineSplitter(), EpochAssembler()
    found: list[Epoch] = []
    for pieces in [*map(splitter.feed, stream), splitter.close()]:
        for piece in pieces:
            try:
                found += assembler.feed(parse(piece))
            except DecodeError:
                continue
    found += assembler.flush()
    return [([one.raw for one in epoch.sentences], epoch.claim()) for epoch in found]


DRIVE = drive(8, start=86_396)
GARBAGE = st.binary(max_size=60) | st.sampled_from(
    [b"\xb5b\x01\x07" + bytes(92), b"$GPRMC,0", b"$" * 9, b"\\g:1-2-3*5A\\", b"{}", b"x" * 2_000, b"$GNTXT,a*00"]
)


@given(st.lists(st.integers(0, len(DRIVE)), max_size=30).map(sorted), st.lists(GARBAGE, min_size=49, max_size=49))
def test_any_chunking_and_any_garbage_between_give_the_same_epochs(cuts: list[int], garbage: list[bytes]) -> None:
    lines = DRIVE.splitlines(keepends=True)
    noisy = b"".join(line + noise for line, noise in zip([b"", *lines], garbage, strict=True))
    edges = [0, *cuts, len(noisy)]
    chunks = [noisy[start:end] for start, end in itertools.pairwise(edges)]
    assert read(chunks) == read([DRIVE])
    assert len(read([DRIVE])) == 8


@pytest.mark.parametrize("alone", [True, False])
def test_the_corpus_of_fixes(alone: bool) -> None:
    """Each case by itself, and each log as one stream."""
    assembler, log = EpochAssembler(), ""
    for case in corpus("nmea_fixes.jsonl"):
        if alone or case["log"] != log:
            assembler, log = EpochAssembler(), case["log"]
        found = [epoch for line in case["input"] for epoch in assembler.feed(parse(line.encode()))]
        claim = (found + assembler.flush())[-1].claim()
        expected = case["expected"]
        assert claim.position is not None, case["id"]
        assert claim.position.lat == pytest.approx(expected["lat"], abs=1e-6), case["id"]
        assert claim.position.lon == pytest.approx(expected["lon"], abs=1e-6), case["id"]
        if claim.position.altitude_m is not None and "alt" in expected:
            assert claim.position.altitude_m == pytest.approx(expected["alt"], abs=1e-6), case["id"]
        if claim.observed_at is not None and "time" in expected:
            assert claim.observed_at == instants.parse(expected["time"]), case["id"]
        assert alone or claim.observed_at is not None or "time" not in expected, case["id"]


def turning(second: int, with_rmc: bool) -> list[str]:
    """A burst whose speed and course are other ones each second; without RMC only VTG tells them."""
    vtg = sentence(f"GNVTG,{second:05.2f},T,,M,{second:05.2f},N,{second * 1.852:06.2f},K,A")
    dated = rmc(second, knots=second) if with_rmc else sentence(f"GNZDA,{clock(second)},23,11,2026,00,00")
    return [dated, gga(second), gsa(), vtg]


@given(st.lists(st.integers(1, 3), min_size=2, max_size=8), st.booleans(), st.booleans(), st.booleans())
def test_a_burst_that_is_delivered_again_changes_nothing(
    copies: list[int], timed_first: bool, pause: bool, with_rmc: bool
) -> None:
    """A datagram holds an epoch; the network may deliver it twice, and some time may pass in between."""
    bursts = [turning(second, with_rmc) for second in range(1, len(copies) + 1)]
    if not timed_first:
        bursts = [[*lines[2:], *lines[:2]] for lines in bursts]
    assembler = EpochAssembler()
    found: list[Epoch] = []
    for lines, count in zip(bursts, copies, strict=True):
        for _ in range(count):
            found += [epoch for line in lines for epoch in assembler.feed(parse(line.encode()))]
            found += assembler.flush() if pause else []
    found += assembler.flush()
    told = {claim.observed_at: claim.position for claim in (epoch.claim() for epoch in found)}
    once = claims([line for lines in bursts for line in lines])
    assert told == {claim.observed_at: claim.position for claim in once}
    assert len({(epoch.claim().observed_at, repr(epoch.claim().position)) for epoch in found}) == len(once)
