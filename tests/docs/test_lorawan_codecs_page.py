"""The page of LoRaWAN codecs says what the codecs do."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from devices.codecs import find, models
from devices.geometry import fill_from_distance
from devices.mapping.files import load_mapping
from devices.metrics import Catalogue
from devices.ts013 import engine, script
from tests.hub.cli_runner import decoded, invoke

PAGE = (Path(__file__).parents[2] / "docs" / "protocols" / "lorawan-codecs.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `([a-z]+-[a-z0-9-]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.M))


def test_the_table_has_every_model_with_what_it_becomes() -> None:
    assert set(ROWS) == {codec.model for codec in models()}
    for codec in models():
        row = ROWS[codec.model]
        if "as " in row or "the same" in row:
            continue
        named = set(re.findall(r"`([a-z0-9_]+)`", row))
        metrics = {rule.metric for rule in codec.mapping.values() if rule.metric}
        regions = {name for name in metrics if "region" in name}
        assert metrics - regions == {name for name in named if name in Catalogue()} - regions


def test_the_spellings_are_found() -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("A model is found"))
    for spelling in re.findall(r"`([^`]+)`", line):
        assert find(spelling) is find("EM310-UDL")


def test_the_mapping_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    path = tmp_path / "mapping.yaml"
    path.write_text(blocks[0], "utf-8")
    assert len(load_mapping(path)) == 7
    [device] = yaml.safe_load(blocks[1])
    assert find(device["attributes"]["model"]) is not None
    assert fill_from_distance(650, device["attributes"]) == 50


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"| {script.TIME_S:g} s |" in PAGE
    assert f"| {script.MEMORY_BYTES >> 20} MiB |" in PAGE
    assert f"| {script.MAX_SOURCE:,} characters |" in PAGE
    assert "told.length > 1000000" in engine.PRELUDE
    assert (script.STRIKES, script.REST * script.TIME_S) == (3, 5)


def test_the_examples_decode() -> None:
    found = re.findall(r"^\$ echo '?([^'\n]+?)'? \| sanihub decode lorawan (--model .*)$", PAGE, re.M)
    assert len(found) == 2
    for line, flags in found:
        [told] = decoded(invoke("decode", "lorawan", *flags.split(), stdin=line.encode()))
        assert told["readings"] == {"battery_pct": 92, "distance_mm": 2116, "tilt": 1}
