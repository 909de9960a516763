"""``sanihub decode chirpstack|tts|loriot|thingpark``: golden cases, the sample of real uplinks, and options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devices.errors import ConfigError
from hub.decoding.decoding import Options, discover
from tests.corpora import corpus

CASES = sorted((Path(__file__).parent / "envelopes").glob("*.json"))
PROTOCOLS = {
    "ChirpStack": "chirpstack",
    "HTTP": "chirpstack",
    "LORIOT": "loriot",
    "ThingsStackCommunity": "tts",
    "ThingsStackIndustries": "tts",
    "ThingPark": "thingpark",
}


def answer(protocol: str, line: bytes, **options: Any) -> dict[str, Any]:
    told = discover()[protocol].teller(Options(**options))(line)  # type: ignore[operator]
    found: dict[str, Any] = json.loads(json.dumps(told))
    return found


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_golden_cases(file: Path) -> None:
    case = json.loads(file.read_text("utf-8"))
    message = case["message"] if isinstance(case["message"], str) else json.dumps(case["message"])
    line = f"{case['topic']} {message}" if case["topic"] else message
    found = answer(case["protocol"], line.encode(), model=case["model"])
    found.pop("input", None)
    assert found == case["answer"]


def test_real_uplinks_decode_as_their_expectations_say() -> None:
    for case in corpus("lorawan_uplinks.jsonl"):
        expected = case["expected"] if isinstance(case["expected"], dict) else case["expected"][0]
        (telemetry,) = expected["telemetry"]
        found = answer(PROTOCOLS[case["ns"]], json.dumps(case["input"]).encode(), model=case["device"])
        assert found["ok"], case["id"]
        assert found["message"]["decoded"] == telemetry["values"], case["id"]
        if case["frame"] is not None:
            assert found["message"]["payload"] == case["frame"]["hex"].lower(), case["id"]
        seconds = telemetry["ts"] // 1000
        assert found["observed_at"].startswith(_iso(seconds)), case["id"]


def _iso(seconds: int) -> str:
    from devices.instants import to_iso

    return to_iso(seconds * 1_000_000).rstrip("Z")


def test_a_model_that_nobody_knows_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"no codec is known for the model 'abacus'; known: .*milesight-em310-udl"):
        discover()["tts"].teller(Options(model="abacus"))


def test_a_model_that_is_asked_for_reads_the_bytes_whatever_the_server_decoded() -> None:
    case = json.loads((Path(__file__).parent / "envelopes" / "chirpstack-up-decoded-there.json").read_text("utf-8"))
    found = answer("chirpstack", json.dumps(case["message"]).encode(), model="EM310-UDL")
    assert found["message"]["decoded"] == {"battery": 92, "distance": 2116, "position": "tilt"}


def test_a_script_that_is_given_reads_the_bytes(tmp_path: Path) -> None:
    script = tmp_path / "acme.js"
    script.write_text("function decodeUplink(input) { return { data: { fill_level: input.bytes.length } }; }")
    case = json.loads((Path(__file__).parent / "envelopes" / "tts-up.json").read_text("utf-8"))
    found = answer("tts", json.dumps(case["message"]).encode(), codec=script)
    assert found["message"]["decoded"] == {"fill_level": 10}
    assert found["message"]["model"] == "acme"
    assert found["readings"]["fill_pct"] == 10.0
