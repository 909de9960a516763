"""The page docs/protocols/modbus.md says what the code does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from devices.metrics import Catalogue
from devices.register_maps.files import MAX_FILE_BYTES, MAX_POINTS, parse, shipped
from devices.vocabulary import Quality
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.adapters.modbus.plugin import NAME, SET
from ingest.adapters.modbus.settings import PROBE_S, ModbusSection
from ingest.transports.modbus.bus import MAX_COMMANDS
from ingest.transports.modbus.reading import REFUSED_S
from ingest.transports.modbus.schedule import MAX_PAUSE_S, OFFLINE_AFTER, OWN_SHARE, PATIENCE_S, SHARE
from ingest.wire.modbus.values import words_to_write
from tests.programs import program

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "protocols" / "modbus.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCKS if found == kind]


@pytest.fixture(scope="module")
def generator() -> Any:
    return program("docs/generate_register_maps")


def test_its_tables_are_the_shipped_maps(generator: Any) -> None:
    assert generator.with_tables(TEXT) == TEXT, "run python docs/generate_register_maps.py"


def test_its_sections_are_accepted() -> None:
    (text,) = blocks("toml")
    sections = [ModbusSection.model_validate(one) for one in tomllib.loads(text)["modbus"]]
    assert [section.kind for section in sections] == ["tcp", "rtu"]
    assert sections[0].plan()[2].register_map is shipped()["sdm630"]


def test_its_map_is_one() -> None:
    (text,) = blocks("yaml")
    found = parse("os-4.yaml", text)
    assert set(found.points()) == {"nh3_ppm", "temperature_c", "warming"}
    assert found.writes["fan"].allowed == "one of 0, 1, 2"


def test_its_examples_are_decoded() -> None:
    command, payload = (json.loads(text) for text in blocks("json"))
    point = shipped()["toilet-controller"].writes[command["point"]]
    assert words_to_write(point, command["value"]) == (1,)
    with pytest.raises(ValueError) as caught:
        words_to_write(point, 3)
    assert str(caught.value) in TEXT
    teller = decodings()[NAME].teller(Options())
    assert callable(teller)
    assert teller(json.dumps(payload).encode())["readings"]["nh3_ppm"] == 1.0


def test_its_session_prints_what_it_shows() -> None:
    (text,) = blocks("console")
    line = re.search(r"echo '(.*?)'", text)
    assert line is not None
    teller = decodings()[NAME].teller(Options(model="toilet-controller"))
    assert callable(teller)
    told = json.dumps(teller(line[1].encode()), separators=(",", ":"))
    shown = text.splitlines()[1].removesuffix("...")
    assert told.startswith(shown)


def test_its_numbers() -> None:
    section = ModbusSection.model_fields
    assert f"`timeout_s` ({section['timeout_s'].default:g} s)" in TEXT
    assert f"`probe_timeout_s` ({PROBE_S:g} s)" in TEXT
    assert (MAX_PAUSE_S, PATIENCE_S, OFFLINE_AFTER, REFUSED_S) == (60, 30, 3, 600)
    assert (SHARE, OWN_SHARE) == (1 / 20, 1 / 5)
    assert (MAX_POINTS, MAX_FILE_BYTES, MAX_COMMANDS) == (1_000, 256 * 1024, 100)
    assert f"`uncertain` ({Quality.UNCERTAIN.value})" in TEXT
    assert f"The command is `{SET}`" in TEXT


def test_the_metrics_of_its_map_are_in_the_catalogue() -> None:
    (text,) = blocks("yaml")
    assert all(metric in Catalogue() for metric in re.findall(r"metric: (\w+)", text))
