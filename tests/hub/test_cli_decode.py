from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ConfigError
from hub.commands.decode import MAX_LINE_BYTES, answers, lines
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from tests.hub.cli_runner import decoded, invoke


def decode(*input_lines: bytes | str, **options: str) -> list[dict]:
    text = b"\n".join(line.encode() if isinstance(line, str) else line for line in input_lines)
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    return decoded(invoke("decode", "mqtt-json", *flags, stdin=text))


def test_the_form_of_the_contract():
    message = {
        "ts": "2026-11-23T08:00:00+08:00",
        "seq": 7,
        "readings": {"fill_pct": 71, "lid_open": True, "battery_v": None},
        "fix": {"lat": 31.2, "lon": 121.5, "speed_kmh": 3, "constellations": ["BDS"]},
        "events": [{"kind": "emptied", "ts": 1795392001, "attributes": {"by": "veh-1"}}],
    }
    assert decode(json.dumps(message), device="bin-1") == [
        {
            "ok": True,
            "device": {"id": "bin-1"},
            "observed_at": "2026-11-23T00:00:00Z",
            "readings": {"fill_pct": 71.0, "lid_open": True},
            "fix": {"lat": 31.2, "lon": 121.5, "speed_kmh": 3.0, "constellations": ["BDS"], "valid": True},
            "events": [{"kind": "emptied", "observed_at": "2026-11-23T00:00:01Z", "attributes": {"by": "veh-1"}}],
            "message": {"topic": "sanihub/v1/bin-1/telemetry", "seq": 7},
            "reply": None,
        }
    ]


def test_lines_as_mosquitto_sub_prints_them():
    told = decode(
        'sanihub/v1/bin-1/telemetry {"readings": {"fill_pct": 1}}',
        "sanihub/v1/bin-1/status offline",
        "sanihub/v1/bin-1/status (null)",
        'elsewhere/bin-1 {"readings": {"fill_pct": 1}}',
        '{"readings": {"fill_pct": 2}}',
    )
    assert [line["ok"] for line in told] == [True, True, True, False, True]
    assert told[0]["device"] == told[1]["device"] == {"id": "bin-1"}
    assert told[1]["message"] == {"topic": "sanihub/v1/bin-1/status", "online": False}
    assert told[3]["error"].startswith("topic: expected sanihub/v1/<device>/telemetry")
    assert (told[4]["device"], told[4]["message"]) == ({}, {})


def test_a_prefix_and_a_topic_of_ones_own():
    assert decode("online", topic="city/v1/veh-1/status", prefix="city")[0]["message"]["online"] is True
    assert decode('city/v1/bin-1/telemetry {"readings":{"fill_pct":1}}', prefix="city")[0]["device"] == {"id": "bin-1"}


def test_several_messages_and_problems_beside_them():
    (told,) = decode('[{"readings": {"fill_pct": 1}}, {"readings": {"fill_pct": 999, "battery_v": 3}}, {"ts": "x"}]')
    assert told["readings"] == told["uplinks"][0]["readings"] == {"fill_pct": 1.0}
    assert [uplink["readings"] for uplink in told["uplinks"]] == [{"fill_pct": 1.0}, {"battery_v": 3.0}]
    assert told["problems"][0] == "[1].readings.fill_pct: 999 is outside 0..100 %"
    assert len(told["problems"]) == 2


def test_bad_input_is_told_in_its_line():
    told = decode("{", "", b"\xff\xfe", '{"readings": {"x": 1}}', "[" * 5_000, '{"readings": {"fill_pct": 1}}')
    assert [line["ok"] for line in told] == [False, False, False, False, True]
    assert told[0] == {"ok": False, "error": told[0]["error"], "input": "{"}
    assert told[2]["error"] == "readings.x: unknown metric"
    assert len(told[3]["input"]) == 500


def test_a_huge_line_is_skipped_without_being_held():
    huge = b"[" + b"1," * MAX_LINE_BYTES
    told = decode(huge, '{"readings": {"fill_pct": 1}}', huge)
    assert [line["ok"] for line in told] == [False, True, False]
    assert "more than" in told[0]["error"]


@given(st.lists(st.binary(max_size=40)))
def test_every_line_that_is_not_blank_is_one_frame(parts):
    text = b"\n".join(parts)
    frames = [line for line in text.split(b"\n") if line.rstrip(b"\r").strip(b" \t")]
    assert len(list(lines(io.BytesIO(text)))) == len(frames)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["ts", "readings", "fix", "events", "fill_pct", "lat", "kind"]), inner
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_nothing_that_a_line_holds_ends_it(line):
    (told,) = answers([line], decodings()["mqtt-json"].teller(Options()))
    assert told["ok"] in (True, False)
    assert set(told) >= (
        {"device", "readings", "fix", "events", "message", "reply"} if told["ok"] else {"error", "input"}
    )


def test_a_file(tmp_path):
    file = tmp_path / "capture.txt"
    file.write_bytes(b'{"readings": {"fill_pct": 1}}\r\n' * 3)
    assert len(decoded(invoke("decode", "mqtt-json", file))) == 3


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("morse",), "no protocol is named 'morse'; known: "),
        (("mqtt-json", "/nowhere/capture.txt"), "No such file"),
        (("mqtt-json", "--device", "a", "--topic", "b"), "not both"),
    ],
)
def test_what_cannot_be(argv, says):
    result = invoke("decode", *argv, stdin=b"")
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)
