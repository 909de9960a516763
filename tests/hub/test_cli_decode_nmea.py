"""``sanihub decode nmea``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.commands.decode import answers
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from hub.decoding.nmea import MAX_HELD
from tests.corpora import corpus
from tests.hub.cli_runner import decoded, invoke
from tests.nmea import burst, gga, gsa, rmc, sentence


def decode(*lines: str, device: str | None = None) -> list[Any]:
    flags = ("--device", device) if device else ()
    return decoded(invoke("decode", "nmea", *flags, stdin="\n".join(lines).encode()))


def test_the_form_of_the_contract() -> None:
    told = decode(*burst(28_800), *burst(28_801), device="truck-07")
    assert len(told) == 12
    assert told[0] == {
        "ok": True,
        "device": {"id": "truck-07"},
        "observed_at": None,
        "readings": {},
        "fix": None,
        "events": [],
        "message": {"talker": "GN", "type": "RMC", "checksum_ok": True},
        "reply": None,
    }
    assert [line["fix"] is not None for line in told] == [False, False, False, False, False, True] * 2
    assert told[5]["observed_at"] == "2026-11-23T08:00:00Z"
    assert told[5]["fix"]["constellations"] == ["BDS", "GPS"]
    assert told[5]["message"] == {
        "talker": "GP", "type": "GSV", "checksum_ok": True, "satellites_in_view": {"GPS": 3},
    }  # fmt: skip


def test_bad_lines_are_told_in_their_place() -> None:
    told = decode(rmc(1), "nonsense", gga(1), rmc(2)[:-1] + "X", rmc(2).replace("3114", "3115"), rmc(3)[:-3])
    assert [line["ok"] for line in told] == [True, False, True, False, False, False]
    assert told[1] == {"ok": False, "error": told[1]["error"], "input": "nonsense"}
    assert told[0]["fix"] is None and told[2]["fix"] is not None
    assert told[5]["error"] == "GNRMC: the checksum is missing"


def test_void_epochs_have_no_fix() -> None:
    told = decode(sentence("GNRMC,000001.00,V,4404.12938,N,12118.84590,W,,,090624,,,N,V"), gga(1, quality=0))
    assert (told[1]["observed_at"], told[1]["fix"], told[1]["readings"]) == (
        "2024-06-09T00:00:01Z", None, {"satellites": 12.0},
    )  # fmt: skip


def test_identities_other_types_and_sentences_run_together() -> None:
    told = decode("imei:864180036543216", rmc(1) + gga(1), sentence("GNTXT,01,01,02,OK"), "!AIVDM,1,1,,A,x,0*24")
    assert [line["device"] for line in told] == [{"imei": "864180036543216"}] * 4
    assert [one["type"] for one in told[1]["message"]["sentences"]] == ["RMC", "GGA"]
    assert told[1]["fix"]["altitude_m"] == 15.0
    assert told[2]["message"] == {"talker": "GN", "type": "TXT", "checksum_ok": True}
    assert told[3]["message"] == {"passed_over": True}


def test_several_epochs_in_one_line() -> None:
    (told,) = decode(rmc(1) + rmc(2) + rmc(3))
    assert told["observed_at"] == "2026-11-23T00:00:01Z"
    assert [one["observed_at"][-3:] for one in told["uplinks"]] == ["01Z", "02Z", "03Z"]


def test_lines_are_not_held_without_end() -> None:
    teller = decodings()["nmea"].teller(Options())
    told = list(answers((line for line in [rmc(1).encode()] + [b"x"] * MAX_HELD), teller))
    assert len(told) == MAX_HELD + 1
    assert told[0]["fix"] is not None


def test_types_without_time_alone_are_told_too() -> None:
    assert len(decode(*[gsa(), sentence("GNVTG,84.40,T,,M,10.00,N,18.52,K,A")] * 5)) == 10


LINES = st.sampled_from([*burst(1), *burst(2), "x", "id:veh-1", rmc(2) + gga(2), "$", sentence("GPRMC,,V,,,,,,,,,,N")])


@given(st.lists(LINES.map(str.encode) | st.binary(max_size=40) | st.none(), max_size=40))
def test_each_line_has_its_answer_whatever_it_holds(given_lines: list[bytes | None]) -> None:
    told = list(answers(given_lines, decodings()["nmea"].teller(Options())))
    assert len(told) == len(given_lines)
    for line, answer in zip(given_lines, told, strict=True):
        wanted = {"device", "readings", "fix", "events", "message", "reply", "observed_at"}
        assert set(answer) >= (wanted if answer["ok"] else {"error", "input"})
        if line and answer["ok"] and line.startswith(b"$GN") and line.count(b"$") == 1:
            assert answer["message"]["type"] == line[3:6].decode()


@pytest.mark.parametrize("alone", [True, False])
def test_the_corpus_of_fixes(alone: bool) -> None:
    cases = corpus("nmea_fixes.jsonl")
    runs = [[case] for case in cases] if alone else [[c for c in cases if c["log"] == log] for log in {
        case["log"] for case in cases
    }]  # fmt: skip
    for run in runs:
        given_lines = [line.encode() for case in run for line in case["input"]]
        told = list(answers(given_lines, decodings()["nmea"].teller(Options())))
        assert len(told) == len(given_lines) and all(answer["ok"] for answer in told), json.dumps(told[-1])
        last = [answer["fix"] for answer in told if answer["fix"]][-1]
        assert last["lat"] == pytest.approx(run[-1]["expected"]["lat"], abs=1e-6)
        assert last["lon"] == pytest.approx(run[-1]["expected"]["lon"], abs=1e-6)
