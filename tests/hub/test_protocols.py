"""What every protocol keeps to, whichever there are: one contract for all plug-ins."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ConfigError, DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from hub.protocols import decoders, routes
from hub.settings.settings import load
from ingest.adapters import mqtt_json
from ingest.plugin import Plugin, Tools, discover

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy" / "sanihub.example.toml").read_text("utf-8")
PAGES = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs" / "protocols").glob("*.md")))

every_plugin = pytest.mark.parametrize("plugin", discover().values(), ids=discover())


@every_plugin
def test_a_protocol_can_be_reached_set_and_read_about(plugin: Plugin) -> None:
    assert plugin.connect or plugin.subscriptions or plugin.webhook or plugin.sole
    assert f"[{plugin.setting}]" in EXAMPLE, "deploy/sanihub.example.toml shows its section"
    assert f"`{plugin.name}`" in PAGES or f"decode {plugin.name}" in PAGES, "a page of docs/protocols names it"


@every_plugin
@given(payload=st.binary(max_size=300), channel=st.text(max_size=40))
def test_its_decoder_takes_any_bytes(plugin: Plugin, payload: bytes, channel: str) -> None:
    decoder = decoders(load(), Tools(Catalogue()))[plugin.name]
    try:
        decoded = decoder(Frame(plugin.name, "test", channel, payload, 1_795_392_000_000_000))
    except DecodeError as error:
        assert str(error)
    else:
        assert isinstance(decoded, Decoded)


@pytest.mark.parametrize("decoding", decodings().values(), ids=decodings())
@given(line=st.binary(min_size=1, max_size=200).filter(lambda line: b"\n" not in line))
def test_decode_tells_any_line(decoding, line: bytes) -> None:
    try:
        teller = decoding.teller(Options())
    except ConfigError as error:
        assert "--model" in str(error) or "--codec" in str(error)
        return
    answers = [teller(line)] if callable(teller) else [*teller.feed(line), *teller.end()]
    assert answers, "a line that holds several frames has several answers, and none has none"
    assert all(answer["ok"] or answer["error"] for answer in answers)


def test_names_and_settings_are_their_own() -> None:
    settings = [plugin.setting for plugin in discover().values()]
    assert len(set(settings)) == len(settings)
    assert {"mqtt-json", "jt808", "modbus", "chirpstack"} <= set(discover()), "files, folders, files in a folder"


def test_topics_of_every_broker_and_of_one() -> None:
    found = routes(load(), "east")
    assert [(route.filter, route.adapter, route.source) for route in found if route.adapter == mqtt_json.NAME] == [
        ("sanihub/v1/+/telemetry", "mqtt-json", "east"),
        ("sanihub/v1/+/status", "mqtt-json", "east"),
    ]


def test_the_example_names_no_protocol_that_is_not_there() -> None:
    house = {"store", "broker", "mqtt", "intake", "alerts", "bins", "incidents", "orders", "notify", "api"}
    house |= {"grafana", "influx"}
    assert set(tomllib.loads(EXAMPLE)) <= house | {plugin.setting for plugin in discover().values()} | {"data", "log"}
