"""Rows of a batch for COPY, read back field by field as the manual says, and compared with what was encoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.clock import YEAR_2000
from devices.vocabulary import Batch, Device, Fix, Heard, Position, Quality, Reading
from store.telemetry.copying import encode, position_variant

NOW = 1_780_000_000_000_000
WEEK = 7 * 86_400 * 1_000_000
KEYS = {"fill_pct": 3, "speed_kmh": 300}
DEVICES = [Device(key, f"bin-{key}", "bin") for key in (1, 7, 70_000)]
Row = list[bytes | None]

readings = st.builds(
    Reading,
    st.sampled_from(DEVICES),
    st.sampled_from(sorted(KEYS)),
    st.sampled_from([0.0, 1.5, True, 99.0]),
    st.sampled_from([NOW - 2 * WEEK, NOW - 1, NOW]),
    st.sampled_from([NOW, NOW + 1, NOW + 2]),
    st.sampled_from([0, Quality.UNCERTAIN, Quality.CLOCK_WRONG | Quality.UNCERTAIN]),
    st.sampled_from([None, None, 0, NOW]),
)
numbers = st.sampled_from([None, 0.0, 12.5])
positions = st.builds(
    Position,
    st.sampled_from([30.5, -1.0]),
    st.sampled_from([114.25, 0.0]),
    *(numbers, numbers, numbers, numbers),
    st.sampled_from([None, 0, 9]),
    st.sampled_from([(), ("GPS",), ("GPS", "BDS")]),
    st.booleans(),
)
fixes = st.builds(
    Fix,
    st.sampled_from(DEVICES),
    st.sampled_from([NOW - 1, NOW]),
    st.just(NOW + 5),
    positions,
    st.sampled_from([None, 1, 2]),
    st.sampled_from([0, 2]),
    st.sampled_from([None, NOW]),
)


@settings(deadline=None)
@given(st.lists(readings, max_size=12))
def test_readings_are_encoded_and_the_newest_of_each_series_is_found(given: list[Reading]) -> None:
    encoded = encode(Batch(readings=given), KEYS, WEEK, 0)
    assert sorted(map(_reading, _rows(encoded.readings))) == sorted(map(_told, given))
    newest: dict[tuple[int, str], Reading] = {}
    for one in given:
        series = one.device.key, one.metric
        known = newest.get(series)
        if known is None or (one.observed_at, one.value) > (known.observed_at, known.value):
            newest[series] = one
    assert sorted(map(_reading, _rows(encoded.latest))) == sorted(map(_told, newest.values()))
    assert encoded.least == min((one.observed_at for one in given), default=None)
    assert encoded.spans == {one.observed_at // WEEK for one in given}


@settings(deadline=None)
@given(st.lists(fixes, max_size=6), st.booleans(), st.booleans())
def test_positions_are_encoded_and_the_newest_becomes_the_state(given: list[Fix], tells: bool, online: bool) -> None:
    seen = {device.key: Heard(NOW + 5, "mqtt-json", "bröker") for device in DEVICES}
    batch = Batch(fixes=given, seen=seen, online={7: (NOW, online)} if tells else {})
    encoded = encode(batch, KEYS, WEEK, 0)
    assert [_fix(row) for row in _rows(encoded.fixes)] == [_claimed(fix) for fix in given]
    rows = list(_rows(encoded.state))
    assert [_number(row[0], ">i") for row in rows] == sorted(seen)
    for row, device in zip(rows, sorted(DEVICES, key=lambda one: one.key), strict=True):
        assert _number(row[1], ">q") == NOW + 5 - YEAR_2000
        told = (online, NOW - YEAR_2000) if tells and device.key == 7 else (None, None)
        assert (_number(row[2], ">?"), _number(row[3], ">q")) == told
        own = [fix for fix in given if fix.device is device and fix.position.valid]
        best = max(own, key=lambda fix: (fix.observed_at, fix.seq or -1, position_variant(fix.position)), default=None)
        assert row[12:] == [b"mqtt-json", "bröker".encode()]
        place = [_number(row[4], ">q"), _number(row[5], ">q"), _number(row[6], ">i")]
        place += [_number(one, ">d") for one in row[7:12]]
        if best is None:
            assert place == [None] * 8
        else:
            said = best.position
            assert place == [
                *(best.observed_at - YEAR_2000, best.seq, position_variant(said), said.lat, said.lon),
                *(said.altitude_m, said.speed_kmh, said.heading_deg),
            ]


def _rows(data: bytes) -> Iterator[Row]:
    """The rows of COPY data, each a list of fields, None for NULL."""
    place = 0
    while place < len(data):
        (count,) = struct.unpack_from(">h", data, place)
        place += 2
        row: Row = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, place)
            place += 4
            row.append(None if length < 0 else data[place : place + length])
            place += max(0, length)
        yield row


def _number(field: bytes | None, form: str) -> float | None:
    return None if field is None else struct.unpack(form, field)[0]


def _reading(row: Row) -> tuple[float, ...]:
    forms = (">i", ">h", ">h", ">q", ">d", ">q", ">q")
    return tuple(-1.0 if one is None else struct.unpack(form, one)[0] for form, one in zip(forms, row, strict=True))


def _told(one: Reading) -> tuple[float, ...]:
    claimed = -1.0 if one.claimed_at is None else one.claimed_at - YEAR_2000
    at, received = one.observed_at - YEAR_2000, one.received_at - YEAR_2000
    return one.device.key, KEYS[one.metric], one.quality, at, float(one.value), received, claimed


def _fix(row: Row) -> list[object]:
    forms = (">i", ">i", ">q", ">q", *(">d",) * 6, ">q", ">h", ">h", ">?")
    names = None if row[14] is None else row[14].decode()
    numbers = [_number(field, form) for field, form in zip(row, forms, strict=False)]
    return [*numbers, names, _number(row[15], ">q")]


def _claimed(fix: Fix) -> list[object]:
    said = fix.position
    return [
        *(fix.device.key, position_variant(said), fix.observed_at - YEAR_2000, fix.received_at - YEAR_2000),
        *(said.lat, said.lon, said.altitude_m, said.speed_kmh, said.heading_deg, said.hdop),
        *(fix.seq, said.satellites, fix.quality, said.valid, ",".join(said.constellations) or None),
        None if fix.claimed_at is None else fix.claimed_at - YEAR_2000,
    ]
