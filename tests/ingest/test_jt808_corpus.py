"""The shared corpus of JT/T 808, where it stands beside the checkout: every field and every reply."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any

import pytest

from hub.commands.decode import answers
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.wire.jt808.frames import Framer, escape
from tests.terminal import corpus

FILE = corpus("jt808.jsonl")
CASES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()] if FILE else []

pytestmark = pytest.mark.skipif(not CASES, reason="the shared corpus is not here")


def cases(kind: str) -> list[Any]:
    found = [case for case in CASES if case["kind"].startswith(kind)]
    return [pytest.param(case, id=case["id"]) for case in found]


def told(case: dict[str, Any]) -> dict[str, Any]:
    (answer,) = answers([case["input"].encode()], decodings()["jt808"].teller(Options()))
    return answer


def our_name(name: str) -> str:
    """``RespondSerialNumber`` → ``respond_serial_number``, ``FTPAddrLen`` → ``ftp_addr_len``."""
    renamed = {"AlarmSign": "Alarm", "StatusSign": "Status"}.get(name, name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", renamed).lower()


def value_of(text: str) -> Any:
    """The value of a Go literal; None for one that is a structure of its own."""
    if text.startswith("consts.JT808Protocol"):
        return int(text[-4:])
    if found := re.fullmatch(r"\[\]uint\d+\{(.*)\}", text):
        return [int(part) for part in found[1].split(",")]
    try:
        return json.loads(text)
    except ValueError:
        return None


@pytest.mark.parametrize("case", cases("framing"))
def test_framing(case: dict[str, Any]) -> None:
    framer = Framer()
    digits = case["input"][: len(case["input"]) // 2 * 2]
    assert [escape(frame).hex() for frame in framer.feed(bytes.fromhex(digits))] == case["expected"]["frames"]
    assert framer.pending == case["expected"]["pending"]


@pytest.mark.parametrize("case", cases("decode"))
def test_fields(case: dict[str, Any]) -> None:
    found = told(case)
    assert found["ok"], found
    message = found["message"]
    assert message["msg_id"] == f"0x{case['type'][3:]}"
    if "Handler" in case["expected"]:
        return  # the expectation is that of another message
    compared = 0
    for name, text in case["expected"].items():
        value = value_of(text)
        if value is not None and not name.startswith(("ID", "Len")):
            assert message[our_name(name)] == value, name
            compared += 1
    assert compared


@pytest.mark.parametrize("case", cases("platform_reply"))
def test_replies(case: dict[str, Any]) -> None:
    assert told(case)["reply"] == case["expected"]


@pytest.mark.parametrize("case", cases("position"))
def test_positions(case: dict[str, Any]) -> None:
    from datetime import datetime, timedelta, timezone

    found, expected = told(case), case["expected"]
    message, wanted = found["message"], expected["pos"]
    assert (message["phone"], message["serial"], message["version"]) == (
        expected["phone"],
        expected["serial"],
        expected["version"],
    )
    assert (message["alarm"], message["status"]) == (wanted["alarm"], wanted["status"])
    assert message["items"] == wanted["extra"]
    fix = found["fix"]
    assert (fix["lat"], fix["lon"], fix["altitude_m"], fix["speed_kmh"], fix["heading_deg"], fix["valid"]) == (
        wanted["lat"],
        wanted["lon"],
        wanted["alt"],
        wanted["speed"],
        wanted["dir"],
        wanted["fixed"],
    )
    assert found["readings"]["ignition"] == wanted["acc"]
    moment = datetime.strptime(wanted["time"], "%y%m%d%H%M%S").replace(tzinfo=timezone(timedelta(hours=8)))
    assert found["observed_at"] == moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
