"""``sanihub decode lorawan``."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import corpus
from tests.hub.cli_runner import decoded, invoke

SCRIPTS = Path(__file__).parents[1] / "devices" / "scripts"
REPORT = "01755c03824408040001"


def decode(text: str, *options: str) -> list[Any]:
    return decoded(invoke("decode", "lorawan", *options, stdin=text.encode()))


def test_an_uplink_by_model() -> None:
    line = json.dumps(
        {"fPort": 85, "hex": REPORT, "devEui": "24-E1-24-10-92-17-67-59", "fCnt": 7, "time": "2026-11-23T00:00:00Z"}
    )
    assert decode(line, "--model", "EM310-UDL") == [
        {
            "ok": True,
            "device": {"dev_eui": "24e1241092176759"},
            "observed_at": "2026-11-23T00:00:00Z",
            "readings": {"battery_pct": 92, "distance_mm": 2116, "tilt": 1},
            "fix": None,
            "events": [],
            "message": {
                "dev_eui": "24e1241092176759",
                "f_cnt": 7,
                "f_port": 85,
                "payload": REPORT,
                "model": "milesight-em310-udl",
                "decoded": {"battery": 92, "distance": 2116, "position": "tilt"},
            },
            "reply": None,
        }
    ]


def test_bytes_in_every_form() -> None:
    data = base64.b64encode(bytes.fromhex(REPORT)).decode()
    lines = [
        f'{{"fPort": 85, "data": "{data}"}}',
        f'{{"hex": "{REPORT.upper()}"}}',
        REPORT,
        f"0x{REPORT}",
        f"  {REPORT[:4]} {REPORT[4:]}",
    ]
    told = decode("\n".join(lines), "--model", "em310_udl", "--port", "85")
    assert [answer["message"]["payload"] for answer in told] == [REPORT] * len(lines)
    assert all(answer["device"] == {} for answer in told)
    named = decode(REPORT, "--model", "em310_udl", "--port", "85", "--device", "bin-0042")
    assert named[0]["device"] == {"id": "bin-0042"}


def test_history_stands_beside_the_report() -> None:
    [told] = decode('{"fPort": 85, "hex": "20cea072675f1e000175640382ffff"}', "--model", "EM500-UDL")
    assert told["readings"] == {"battery_pct": 100}
    assert told["message"]["decoded"]["distance"] == 65535
    older = told["uplinks"][1]
    assert (older["observed_at"], older["readings"]) == ("2020-09-20T15:17:52Z", {"distance_mm": 30})


def test_the_sound_part_is_told_beside_the_problem() -> None:
    [told] = decode(f'{{"fPort": 85, "hex": "{REPORT}99"}}', "--model", "EM310-UDL")
    assert told["ok"]
    assert told["readings"]["distance_mm"] == 2116
    assert told["problems"] == ["channel 99 at byte 10: cut off after its id"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("zz", "line: expected hexadecimal digits"),
        ("{", "line: no JSON"),
        ('{"hex": "00"}', "fPort: missing"),
        ('{"fPort": 256, "hex": "00"}', "fPort: expected a whole number"),
        ('{"fPort": true, "hex": "00"}', "fPort: expected a whole number"),
        ('{"fPort": 85}', "hex: missing"),
        ('{"fPort": 85, "hex": "0"}', "hex: expected hexadecimal digits"),
        ('{"fPort": 85, "data": "?"}', "data: expected base64"),
        ('{"fPort": 85, "hex": "00", "devEui": "12"}', "devEui: expected 16"),
        ('{"fPort": 85, "hex": "00", "fCnt": -1}', "fCnt: expected"),
        ('{"fPort": 85, "hex": "00", "time": "noon"}', "time: expected ISO 8601"),
        ('{"fPort": 85, "hex": "9901"}', "channel 99 01 at byte 0: unknown"),
        ('{"fPort": 85, "hex": ""}', "payload: empty"),
    ],
)
def test_bad_input_is_told_and_ends_nothing(line: str, reason: str) -> None:
    sound = f'{{"fPort": 85, "hex": "{REPORT}"}}'
    bad, good = decode(f"{line}\n{sound}\n", "--model", "EM310-UDL")
    assert not bad["ok"]
    assert bad["error"].startswith(reason)
    assert bad["input"] == line
    assert good["ok"]


def test_a_script_with_a_mapping() -> None:
    options = ("--codec", str(SCRIPTS / "bin_level.js"), "--mapping", str(SCRIPTS / "bin_level.yaml"))
    told = decode('{"fPort": 2, "hex": "5c00d301"}\n{"fPort": 9, "hex": "00"}', *options)
    assert told[0]["readings"] == {"battery_pct": 92, "distance_mm": 2110, "tilt": 1}
    assert [event["kind"] for event in told[0]["events"]] == ["tilted"]
    assert told[0]["message"]["decoded"]["level"] == {"distance_cm": 211, "position": "tilt"}
    assert told[1] == {"ok": False, "error": "script: says: unknown port 9", "input": '{"fPort": 9, "hex": "00"}'}


def test_another_mapping_for_a_model(tmp_path: Path) -> None:
    mapping = tmp_path / "own.yaml"
    mapping.write_text("battery: {metric: battery_pct}\n")
    [told] = decode(f'{{"fPort": 85, "hex": "{REPORT}"}}', "--model", "EM310-UDL", "--mapping", str(mapping))
    assert told["readings"] == {"battery_pct": 92}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "lorawan needs --codec FILE.js or --model with one of: dragino-ldds45, "),
        (("--model", "XY99"), "no codec is known for the model 'XY99'; known: dragino-ldds45, "),
        (("--codec", "/nowhere/x.js"), "/nowhere/x.js: No such file"),
    ],
)
def test_what_is_missing_is_said_with_what_there_is(options: tuple[str, ...], reason: str) -> None:
    result = invoke("decode", "lorawan", *options, stdin=b"00")
    assert result.exit_code != 0
    assert reason in " ".join(f"{result.output} {result.exception}".split())


def test_the_corpus() -> None:
    for case in corpus("lorawan_uplinks.jsonl"):
        if case["frame"]:
            [told] = decode(json.dumps(case["frame"]), "--model", f"{case['vendor']} {case['device']}")
            assert told["ok"], case["id"]
            assert told["message"]["payload"] == case["frame"]["hex"].lower()
