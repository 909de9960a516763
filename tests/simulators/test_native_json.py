from __future__ import annotations

import json

from simulators.city.observation import Observation
from simulators.message import Message
from simulators.speakers.native_json import Encoder

ONE = Observation("bin-0042", "bin", 17, 1_795_420_800_007_000, {"fill_pct": 31.5})
TWO = Observation(
    "bin-0042", "bin", 18, 1_795_420_801_000_000, {"fill_pct": 2.0}, {"lat": 30.5, "lon": 114.3}, ({"kind": "emptied"},)
)


def test_one_observation_is_an_object() -> None:
    topic, payload = Encoder().telemetry(Message("bin-0042", ONE.observed_at, (ONE,)))
    assert topic == "sanihub/v1/bin-0042/telemetry"
    assert json.loads(payload) == {
        "ts": "2026-11-23T08:00:00.007Z",
        "kind": "bin",
        "seq": 17,
        "readings": {"fill_pct": 31.5},
    }


def test_several_are_an_array() -> None:
    _, payload = Encoder().telemetry(Message("bin-0042", TWO.observed_at, (ONE, TWO)))
    first, second = json.loads(payload)
    assert first["seq"] == 17
    assert second == {
        "ts": "2026-11-23T08:00:01.000Z",
        "kind": "bin",
        "seq": 18,
        "readings": {"fill_pct": 2.0},
        "fix": {"lat": 30.5, "lon": 114.3},
        "events": [{"kind": "emptied"}],
    }


def test_raw_bytes_and_status() -> None:
    encoder = Encoder()
    assert encoder.telemetry(Message("bin-0042", 1, raw=b"\xff"))[1] == b"\xff"
    assert encoder.status("bin-0042", online=True) == ("sanihub/v1/bin-0042/status", b'{"status":"online"}')
    assert encoder.status("bin-0042", online=False)[1] == b'{"status":"offline"}'
