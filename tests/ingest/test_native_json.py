from __future__ import annotations

import json
from math import isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.metrics import CATALOGUE, Catalogue
from devices.vocabulary import Decoded, Identity
from ingest.wire.native.messages import decode, decode_status

CAT = Catalogue()
DEVICE = Identity("id", "bin-0042")


def read(message: object) -> Decoded:
    return decode(json.dumps(message).encode(), DEVICE, CAT)


def test_a_whole_message() -> None:
    decoded = read(
        {
            "ts": "2026-11-23T08:00:00+08:00",
            "kind": "vehicle",
            "seq": 7,
            "readings": {"speed_kmh": 31.5, "ignition": True},
            "fix": {"lat": 30.5, "lon": 114.3, "heading_deg": 360, "constellations": ["GPS", "BDS"]},
            "events": [{"kind": "emptied", "attributes": {"before": 90}}],
        }
    )
    assert decoded.problems == []
    (uplink,) = decoded.uplinks
    assert uplink.observed_at == 1_795_392_000_000_000
    assert dict(uplink.readings) == {"speed_kmh": 31.5, "ignition": 1.0}
    assert uplink.position is not None
    assert (uplink.position.heading_deg, uplink.position.constellations) == (0.0, ("GPS", "BDS"))
    assert [o.kind for o in uplink.occurrences] == ["emptied"]
    assert (uplink.seq, uplink.kind) == (7, "vehicle")


def test_tolerant_in_reading() -> None:
    decoded = read({"ts": "1795392000", "readings": {"fill_pct": "81.5", "tilt": None}, "vendor": {"x": 1}})
    assert decoded.problems == []
    assert dict(decoded.uplinks[0].readings) == {"fill_pct": 81.5}
    assert decoded.uplinks[0].observed_at == 1_795_392_000_000_000


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"readings": {"fill_pct": 300, "battery_v": 3.6}}, "readings.fill_pct: 300 is outside 0..100 %"),
        ({"readings": {"fil": 3, "battery_v": 3.6}}, "readings.fil: unknown metric"),
        ({"readings": {"nh3_ppm": 65534, "battery_v": 3.6}}, "readings.nh3_ppm: 65534 is outside 0..1000 ppm"),
        ({"readings": {"battery_v": 3.6}, "fix": {"lat": 91, "lon": 0}}, "fix.lat: 91 is outside -90..90 degrees"),
        (
            {"readings": {"battery_v": 3.6}, "fix": {"lat": 114.3, "lon": 30.5}},
            "fix.lat: 114.3 is outside -90..90 degrees; are lat and lon exchanged?",
        ),
        (
            {"readings": {"battery_v": 3.6}, "fix": {"latitude": 30.5, "longitude": 114.3}},
            "fix.lat: missing; expected lat and lon, in degrees",
        ),
        ({"readings": {"fill": 3, "battery_v": 3.6}}, "readings.fill: unknown metric; did you mean fill_pct?"),
        ({"readings": {"battery_v": 3.6}, "fix": {"lat": 1}}, "fix.lon: missing"),
        ({"readings": {"battery_v": 3.6}, "fix": {"lat": 1, "lon": 1, "datum": "mars"}}, "fix.datum: expected wgs84"),
        ({"readings": {"battery_v": 3.6}, "events": [{"kind": "a b"}]}, "events[0].kind: expected letters"),
        ({"readings": {"battery_v": 3.6}, "events": "x"}, "events: expected an array"),
        ({"readings": {"battery_v": 3.6, "fill_pct": [1]}}, "readings.fill_pct: expected a number, got an array"),
        ({"readings": {"battery_v": 3.6, "fill_pct": float("nan")}}, "readings.fill_pct: nan is outside 0..100 %"),
        ({"readings": {"battery_v": 3.6, "fill_pct": float("inf")}}, "readings.fill_pct: inf is outside 0..100 %"),
        ({"readings": {"battery_v": 3.6}, "events": [{"ts": 1}]}, "events[0].kind: missing"),
    ],
)
def test_a_fault_is_named_and_the_rest_kept(message: object, problem: str) -> None:
    decoded = read(message)
    assert len(decoded.problems) == 1
    assert decoded.problems[0].startswith(problem)
    assert decoded.uplinks[0].readings["battery_v"] == 3.6


def test_one_bad_item_of_an_array_costs_only_itself() -> None:
    decoded = read([{"readings": {"fill_pct": 1}}, 7, {"ts": "gestern", "readings": {"fill_pct": 2}}, {"fix": {}}])
    assert [dict(u.readings) for u in decoded.uplinks] == [{"fill_pct": 1}]
    assert [line.split(":")[0] for line in decoded.problems] == ["[1]", "[2].ts", "[3].fix.lat"]


def test_a_number_beyond_every_range_costs_only_its_field() -> None:
    payload = b'[{"readings":{"fill_pct":1e999,"battery_v":3.6}},{"readings":{"fill_pct":7}}]'
    decoded = decode(payload, DEVICE, CAT)
    assert [dict(u.readings) for u in decoded.uplinks] == [{"battery_v": 3.6}, {"fill_pct": 7}]
    assert decoded.problems == ["[0].readings.fill_pct: inf is outside 0..100 %"]


def test_a_refused_field_is_told_once() -> None:
    assert read({"readings": {"fill_pct": "much"}}).problems == ["readings.fill_pct: expected a number, got 'much'"]
    nothing = "payload: holds no readings, fix or events"
    assert read({}).problems == [nothing]
    assert read({"fill_pct": 42}).problems == [
        f'{nothing}; put fill_pct into readings: {{"readings": {{"fill_pct": ...}}}}'
    ]
    assert read({"reading": {"fill_pct": 42}}).problems == [f"{nothing}; did you mean readings?"]
    assert read({"data": 42}).problems == [f"{nothing}; got 'data'"]
    assert read([{"readings": {"fill_pct": 1}}, {"Fix": {}}]).problems == [f"[1]: {nothing[9:]}; did you mean fix?"]


def test_a_time_without_a_zone_is_refused() -> None:
    decoded = read({"ts": "2026-11-23T08:00:00", "readings": {"fill_pct": 2}})
    assert decoded.uplinks == []
    assert "ts: has no time zone" in decoded.problems[0]


def test_void_fixes_and_null_island() -> None:
    assert read({"fix": {"valid": False}}).uplinks[0].position is None
    position = read({"fix": {"lat": 0, "lon": 0}}).uplinks[0].position
    assert position is not None and not position.valid


def test_gcj02_comes_in_as_wgs84() -> None:
    position = read({"fix": {"lat": 31.17530398, "lon": 121.53154186, "datum": "gcj02"}}).uplinks[0].position
    assert position is not None
    assert (position.lat, position.lon) == pytest.approx((31.1774276, 121.5272106), abs=2e-7)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nope",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"readings":{"fill_pct":1' + b"0" * 5_000 + b"}}",
    ],
)
def test_what_is_no_message(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(payload, DEVICE, CAT)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too: JSON can escape them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["ts", "id", "kind", "seq", "readings", "fix", "events"]
NAMES = st.sampled_from([m.name for m in CATALOGUE]) | st.text(max_size=12)
MESSAGE = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(FIELDS, JSON)
    | {
        "readings": JSON | st.dictionaries(NAMES, JSON, max_size=5),
        "fix": JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("lat", "lon", "hdop", "valid", "datum"), JSON)),
        "events": JSON | st.lists(st.fixed_dictionaries({"kind": JSON}, optional={"attributes": JSON, "ts": JSON})),
    },
)


@given(MESSAGE | st.lists(MESSAGE, max_size=3) | JSON)
@example({"fix": {"lat": 1e308, "lon": float("nan")}})
@example({"fix": {"lat": "\ud800", "lon": 1}, "events": [{"kind": "\ud800", "attributes": {"a": "\ud800"}}]})
def test_any_json_is_filed_or_named(message: object) -> None:
    payload = json.dumps(message).encode()
    try:
        decoded = decode(payload, DEVICE, CAT)
    except DecodeError as error:
        assert str(error)
        return
    assert decoded.uplinks or decoded.problems
    for uplink in decoded.uplinks:
        for name, value in uplink.readings.items():
            assert CAT.check(name, value) is None
        if uplink.position is not None:
            assert isfinite(uplink.position.lat) and -90 <= uplink.position.lat <= 90


@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_decode_errors(payload: bytes) -> None:
    for call in (lambda: decode(payload, DEVICE, CAT), lambda: decode_status(payload, DEVICE)):
        try:
            call()
        except DecodeError as error:
            assert str(error)


@pytest.mark.parametrize("payload", [b"online", b'"online"', b'{"status":"online"}', b" Online "])
def test_status(payload: bytes) -> None:
    (uplink,) = decode_status(payload, DEVICE).uplinks
    assert uplink.online is True
    assert [o.kind for o in uplink.occurrences] == ["online"]


def test_a_cleared_status_says_nothing() -> None:
    assert decode_status(b"", DEVICE).uplinks == []
