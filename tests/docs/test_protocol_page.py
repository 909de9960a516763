"""The page docs/protocols/mqtt-json.md says what the code does: every example is validated and decoded."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from devices.errors import DecodeError
from devices.kinds import DEVICE_ID, KINDS
from devices.metrics import CATALOGUE, Catalogue
from devices.vocabulary import Decoded, Frame, Identity
from ingest.adapters.mqtt_json import MqttJson
from ingest.assembly import IntakeRules
from ingest.wire.native import form, messages
from tests.programs import program

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "protocols" / "mqtt-json.md").read_text("utf-8")
SCHEMA = json.loads((DOCS / "protocols" / "mqtt-json.schema.json").read_text("utf-8"))
TELEMETRY = jsonschema.Draft202012Validator(SCHEMA)
STATUS = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/status"})
CATALOG = Catalogue()
DEVICE = Identity("id", "bin-0042")

BLOCKS = [(m[1].strip(), m[2].strip()) for m in re.finditer(r"^```([a-z ]*)\n(.*?)^```$", PAGE, re.M | re.S)]


def blocks(label: str) -> list[str]:
    found = [body for name, body in BLOCKS if name == label]
    assert found, f"the page has no example marked {label!r}"
    return found


def refusals() -> list[tuple[str, str, list[str]]]:
    """(kind, payload, lines) of each refused example; its lines stand in the block behind it."""
    found = []
    for (label, payload), (after, lines) in pairwise(BLOCKS):
        if label.endswith("refused"):
            assert after == "text", f"no lines follow the refused example {payload!r}"
            found.append((label, payload, lines.splitlines()))
    return found


def decode(payload: str) -> Decoded:
    return messages.decode(payload.encode(), DEVICE, CATALOG)


def commands() -> list[tuple[str, str]]:
    """(topic, payload) of every mosquitto_pub on the page and in the READMEs."""
    found = []
    texts = [PAGE, *((DOCS.parent / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))]
    for text in texts:
        for script in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S):
            words = shlex.split(script.replace("\\\n", " "), comments=True)
            starts = [index for index, word in enumerate(words) if word == "mosquitto_pub"]
            for start in starts:
                options = words[start:]
                found.append((options[options.index("-t") + 1], options[options.index("-m") + 1]))
    return found


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return program("docs/generate_protocol")


def test_generated_parts_are_up_to_date(generator: ModuleType) -> None:
    assert generator.with_table(PAGE) == PAGE, "run: python docs/generate_protocol.py"
    assert json.loads(generator.schema_text()) == generator.schema()
    written = (DOCS / "protocols" / "mqtt-json.schema.json").read_text("utf-8")
    assert generator.schema_text() == written, "run: python docs/generate_protocol.py"


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("payload", blocks("json"))
def test_examples_hold_to_the_schema_and_are_filed_whole(payload: str) -> None:
    TELEMETRY.validate(json.loads(payload))
    decoded = decode(payload)
    assert decoded.problems == []
    document = json.loads(payload)
    assert len(decoded.uplinks) == (len(document) if isinstance(document, list) else 1)


@pytest.mark.parametrize("payload", blocks("json tolerated"))
def test_tolerated_examples_are_filed_whole(payload: str) -> None:
    decoded = decode(payload)
    assert decoded.problems == []
    assert decoded.uplinks


@pytest.mark.parametrize("payload", [*blocks("json status"), *blocks("json status tolerated")])
def test_status_examples(payload: str) -> None:
    assert messages.decode_status(payload.encode(), DEVICE).uplinks[0].online is not None


def test_status_examples_hold_to_the_schema() -> None:
    for payload in blocks("json status"):
        STATUS.validate(json.loads(payload))


@pytest.mark.parametrize(("label", "payload", "lines"), refusals())
def test_refused_examples_say_what_the_page_says(label: str, payload: str, lines: list[str]) -> None:
    if label == "json status refused":
        with pytest.raises(DecodeError) as refused:
            messages.decode_status(payload.encode(), DEVICE)
        assert str(refused.value) == lines[0]
        return
    try:
        said = decode(payload).problems
    except DecodeError as error:
        said = [str(error)]
    assert said == lines
    if "NaN" not in payload:
        assert not TELEMETRY.is_valid(json.loads(payload)), "the schema lets through what the hub refuses"


@pytest.mark.parametrize(("topic", "payload"), commands())
def test_commands_to_copy_are_filed_whole(topic: str, payload: str) -> None:
    decoded = MqttJson("sanihub", CATALOG)(Frame("mqtt-json", "test", topic, payload.encode(), 0))
    assert decoded.problems == []
    assert len(decoded.uplinks) == 1
    if topic.endswith("/telemetry"):
        TELEMETRY.validate(json.loads(payload))


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_schema_and_decoder_agree_on_every_range(metric: Any) -> None:
    outside = 0.001 * max(1.0, abs(metric.high), abs(metric.low))
    for value in (metric.low, metric.high, metric.low - outside, metric.high + outside, None):
        document = {"ts": 1795392000, "seq": 1, "fix": {"valid": False}, "readings": {metric.name: value}}
        decoded = decode(json.dumps(document))
        assert TELEMETRY.is_valid(document) == (not decoded.problems), f"{metric.name} = {value}"


@pytest.mark.parametrize("name", ["lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites"])
@pytest.mark.parametrize("value", [-100_000, -181, -91, -1, 0, 45, 90, 180, 201, 360, 361, 501, 20_000, 20_001])
def test_schema_and_decoder_agree_on_every_part_of_a_fix(name: str, value: int) -> None:
    document = {"ts": 1795392000, "fix": {"lat": 30.5, "lon": 114.3, name: value}}
    assert TELEMETRY.is_valid(document) == (not decode(json.dumps(document)).problems)


def test_what_the_page_says_in_figures() -> None:
    rules = IntakeRules()
    plain = " ".join(PAGE.replace(",", "").split())
    for figure in (
        f"1 to {form.MAX_MESSAGES} of them",
        f"at most {messages.MAX_EVENTS} objects",
        f"up to {messages.MAX_ATTRIBUTES_BYTES} bytes and {messages.MAX_DEPTH} levels deep",
        f"| {messages.MAX_PROBLEMS} lines |",
        f"{rules.max_payload_bytes} bytes (`intake.max_payload_bytes`)",
        f"the first {rules.kept_oversized_bytes} bytes",
        f"{rules.max_pending_devices} pending",
        f"more than {rules.clock.future // 1_000_000} s after",
    ):
        assert figure in plain, figure
    assert DEVICE_ID.pattern == r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z"
    assert all(f"`{kind}`" in PAGE for kind in KINDS)


def test_the_publisher_is_python() -> None:
    for source in blocks("python"):
        compile(source, "mqtt-json.md", "exec")
        assert len(source.splitlines()) <= 15
