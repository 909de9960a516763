"""What holds for every codec, and the golden cases: folders ``cases/<model>`` with input and expected output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.codecs import Codec, DecodedPayload, find, models
from devices.errors import DecodeError
from devices.kinds import KINDS
from devices.mapping.defaults import DEFAULT_MAPPING
from devices.mapping.rules import Mapped
from devices.metrics import Catalogue
from tests.corpora import corpus

CASES = Path(__file__).parent / "cases"
CATALOGUE = Catalogue()


def _cases() -> list[Any]:
    found = []
    for folder in sorted(CASES.iterdir()):
        lines = [(folder / name).read_text("utf-8").splitlines() for name in ("input.jsonl", "expected.jsonl")]
        for given_line, expected_line in zip(*lines, strict=True):
            frame = json.loads(given_line)
            found.append(
                pytest.param(folder.name, frame, json.loads(expected_line), id=f"{folder.name}-{frame['case']}")
            )
    return found


def told(codec: Codec, f_port: int, payload: bytes) -> dict[str, Any]:
    """What stands in ``expected.jsonl``; an empty part is left out."""
    try:
        read = codec.read(f_port, payload)
    except DecodeError as error:
        return {"error": str(error)}
    claims = codec.claims(read)
    place = claims.position
    whole = {
        "events": [event.kind for event in claims.occurrences],
        "position": [place.lat, place.lon] if place else [],
        "history": [[instant, readings] for instant, readings in claims.history],
        "doubtful": sorted(claims.doubtful),
        "problems": claims.problems,
    }
    return {"decoded": read.object, "readings": claims.readings, **{name: part for name, part in whole.items() if part}}


@pytest.mark.parametrize(("model", "frame", "expected"), _cases())
def test_a_golden_case(model: str, frame: dict[str, Any], expected: dict[str, Any]) -> None:
    codec = find(model)
    assert codec is not None
    assert told(codec, frame["fPort"], bytes.fromhex(frame["hex"])) == expected


def test_every_model_has_golden_cases() -> None:
    assert {codec.model for codec in models()} == {folder.name for folder in CASES.iterdir()}


@pytest.mark.parametrize("codec", models(), ids=lambda codec: codec.model)
@given(f_port=st.integers(0, 255), payload=st.binary(max_size=64))
@example(f_port=85, payload=b"")
def test_any_bytes_are_understood_or_refused(codec: Codec, f_port: int, payload: bytes) -> None:
    for port in (f_port, 85, 2, 10, 7):
        _check_contract(codec, port, payload)


@pytest.mark.parametrize("codec", models(), ids=lambda codec: codec.model)
@given(data=st.data())
def test_mutilated_cases_are_understood_or_refused(codec: Codec, data: st.DataObject) -> None:
    """Bytes near to real ones get deeper than bytes from nowhere."""
    lines = (CASES / codec.model / "input.jsonl").read_text("utf-8").splitlines()
    frame = json.loads(data.draw(st.sampled_from(lines)))
    payload = bytearray.fromhex(frame["hex"])
    for _ in range(data.draw(st.integers(0, 4))):
        if payload:
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(payload)))
    _check_contract(codec, frame["fPort"], bytes(payload[:end]) + data.draw(st.binary(max_size=8)))


def _check_contract(codec: Codec, f_port: int, payload: bytes) -> None:
    try:
        read = codec.read(f_port, payload)
    except DecodeError as error:
        assert str(error)
        return
    assert isinstance(read, DecodedPayload)
    assert json.loads(msgspec.json.encode(read.object)) == read.object
    assert codec.decode(f_port, payload) == read.object
    claims = codec.claims(read)
    assert all(CATALOGUE.check(name, value) is None for name, value in claims.readings.items())
    assert claims.problems[: len(read.problems)] == list(read.problems)
    for _, readings in claims.history:
        assert all(CATALOGUE.check(name, value) is None for name, value in readings.items())


@pytest.mark.parametrize(
    "mapping", [*(codec.mapping for codec in models()), DEFAULT_MAPPING], ids=[*(c.model for c in models()), "default"]
)
def test_a_mapping_names_metrics_of_the_catalogue(mapping: Mapped) -> None:
    for name, rule in mapping.items():
        assert rule.metric is None or rule.metric in CATALOGUE, name
        assert (rule.metric is not None) or rule.events or rule.fix or rule.samples, name
        for value in rule.values.values():
            assert value is None or CATALOGUE.check(str(rule.metric), value) is None, name


@pytest.mark.parametrize("codec", models(), ids=lambda codec: codec.model)
def test_a_model_is_found_however_it_is_written(codec: Codec) -> None:
    vendor, _, name = codec.model.partition("-")
    assert codec.kind in KINDS
    for spelling in (codec.model, name, name.upper(), f"{vendor}/{name}", f"{vendor.title()} {name.upper()}"):
        assert find(spelling) is codec
        assert find(spelling.replace("-", "_")) is codec
    assert find(f"{vendor} {name}-868M (EU868)") is codec


@pytest.mark.parametrize("name", ["", "EM310", "UDL", "EM310-UDLX", "milesight", "GS30", "…" * 500])
def test_no_model_is_guessed(name: str) -> None:
    assert find(name) is None


def test_a_mixed_order_of_channels_says_the_same() -> None:
    codec = find("EM400-MUD")
    assert codec is not None
    parts = ["01755c", "03670101", "04824408", "050001"]
    whole = codec.decode(85, bytes.fromhex("".join(parts)))
    assert codec.decode(85, bytes.fromhex("".join(reversed(parts)))) == whole


def _values(expected: Any) -> dict[str, Any]:
    """The first values of an expected result: of the device, which stands before its gateways."""
    while "values" not in expected:
        expected = expected[0] if isinstance(expected, list) else expected["telemetry"]
    values: dict[str, Any] = expected["values"]
    return values


def test_the_corpus_decodes_as_expected() -> None:
    cases = [case for case in corpus("lorawan_uplinks.jsonl") if case["frame"]]
    assert cases
    for case in cases:
        codec = find(f"{case['vendor']} {case['device']}")
        assert codec is not None, case["id"]
        frame = case["frame"]
        decoded = codec.decode(frame["fPort"], bytes.fromhex(frame["hex"]))
        assert decoded == _values(case["expected"]), case["id"]
