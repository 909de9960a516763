"""The envelopes of network servers: any bytes, odd fields, and what they mean."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import ConfigError, DecodeError
from devices.instants import parse
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Device, Frame, Identity
from ingest.adapters.lorawan import chirpstack, loriot, thingpark, tts
from ingest.adapters.lorawan.codecs import CodecSection, choice_of
from ingest.adapters.lorawan.server import LoraDecoder
from ingest.plugin import Tools
from ingest.wire.lorawan import chirpstack as chirpstack_wire
from ingest.wire.lorawan import fields
from ingest.wire.lorawan import tts as tts_wire
from ingest.wire.lorawan.choice import Choice
from ingest.wire.lorawan.messages import Gateway, LoraUplink, Notice, Passed, claims
from tests.intake import NOW
from tests.lorawan import SERVERS, Said, decoders, lora_frame

PLUGINS = {module.NAME: module.PLUGIN for module in (chirpstack, tts, loriot, thingpark)}
SAID = Said(NOW - 60_000_000, 7)
CATALOGUE = Catalogue()


def nobody(identity: Identity) -> Device | None:
    return None


def decode(protocol: str, payload: bytes, channel: str = "") -> Decoded:
    return decoders()[protocol](Frame(protocol, "city", channel, payload, NOW))


# -- any bytes ----------------------------------------------------------------------------------------------------

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@pytest.mark.parametrize("protocol", PLUGINS)
@given(payload=st.binary(max_size=80) | ODD.map(lambda value: json.dumps(value).encode()), channel=st.text(max_size=20))
def test_any_bytes_are_claims_or_a_decode_error(protocol: str, payload: bytes, channel: str) -> None:
    try:
        decode(protocol, payload, channel)
    except DecodeError as error:
        assert str(error)


@settings(max_examples=300)
@given(server=st.sampled_from(list(SERVERS)), odd=ODD, data=st.data())
def test_an_odd_value_anywhere_costs_at_most_its_message(server: str, odd: Any, data: st.DataObject) -> None:
    """Or its field, which is told then; what is filed is in the catalogue's ranges."""
    protocol, envelope = SERVERS[server]
    whole = {"": copy.deepcopy(envelope(SAID, SAID.at, -90))}
    *way, last = data.draw(st.sampled_from(places(whole)[1:]))
    holder: Any = whole
    for step in way:
        holder = holder[step]
    holder[last] = odd
    try:
        decoded = decode(protocol, json.dumps(whole[""]).encode())
    except DecodeError as error:
        assert str(error)
        return
    for uplink in decoded.uplinks:
        assert uplink.identity.scheme == "dev_eui"
        assert len(uplink.identity.value) == 16
        for name, value in uplink.readings.items():
            assert CATALOGUE.check(name, value) is None


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e308", "-1e308"])
def test_a_number_longer_than_any_measurement_is_no_reading(number: str) -> None:
    payload = json.dumps(SERVERS["chirpstack"][1](SAID, SAID.at, -90) | {"object": {"distance": 7, "battery": "N"}})
    decoded = decode("chirpstack", payload.replace('"N"', number).encode())
    assert decoded.uplinks[0].readings["distance_mm"] == 7.0
    assert "battery_pct" not in decoded.uplinks[0].readings
    assert "battery" in decoded.problems[0]


@pytest.mark.parametrize("text", [b"NaN", b'"\\ud800"', b'"\xff"', b"1e400", b"[" * 5_000 + b"]" * 5_000])
def test_what_json_cannot_carry_is_no_message(text: bytes) -> None:
    payload = json.dumps(SERVERS["tts"][1](SAID, SAID.at, -90) | {"odd": "N"}).encode().replace(b'"N"', text)
    with pytest.raises(DecodeError, match=r"^payload: "):
        decode("tts", payload)


@pytest.mark.parametrize("server", SERVERS)
def test_all_servers_say_the_same_of_one_uplink(server: str) -> None:
    frame = lora_frame(server, SAID)
    decoded = decode(frame.adapter, frame.payload)
    (uplink,) = decoded.uplinks
    assert not decoded.problems
    assert uplink.identity == Identity("dev_eui", SAID.dev_eui)
    assert uplink.observed_at == SAID.at
    assert uplink.readings == {"battery_pct": 92.0, "distance_mm": 500.0, "rssi_dbm": -90.0, "snr_db": 1.5}
    assert uplink.kind == "bin"


# -- fields -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["24E124713D000001", "24-e1-24-71-3d-00-00-01", "24:E1:24:71:3D:00:00:01", "JOEkcT0AAAE="]
)
def test_an_eui_is_written_in_many_ways(text: str) -> None:
    assert fields.eui(text, "devEui") == "24e124713d000001"


@pytest.mark.parametrize("value", [None, 7, "", "24e1", "24e124713d00000g", "24e124713d0000011", "🙂" * 16, ["a"]])
def test_no_eui_is_told_with_its_field(value: object) -> None:
    with pytest.raises(DecodeError, match=r"^devEui: expected 16 hexadecimal digits"):
        fields.eui(value, "devEui")


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2020-0327T12:39:05.547336Z", "2020-03-27T12:39:05.547336Z"),
        ("20200327T12:39:05Z", "2020-03-27T12:39:05Z"),
        ("2026-11-23T08:15:30.118347562+00:00", "2026-11-23T08:15:30.118347Z"),
        ("2026-11-23T16:15:30.49+08:00", "2026-11-23T08:15:30.49Z"),
        (1795421730118, "2026-11-23T08:15:30.118Z"),
    ],
)
def test_times(value: object, instant: str) -> None:
    assert fields.time(value, "time") == parse(instant)


@pytest.mark.parametrize("value", ["2026-11-23T08:15:30", "yesterday", True, {}, "1e400", 1e300, -5])
def test_no_time_is_told_with_its_field(value: object) -> None:
    with pytest.raises(DecodeError, match=r"^ts: "):
        fields.time(value, "ts")


@pytest.mark.parametrize(
    ("level", "percent"), [(254, 100.0), (127, 50.0), (1, 0.4), (0, None), (255, None), (300, None), ("98", 38.6)]
)
def test_battery_levels_of_the_standard(level: object, percent: float | None) -> None:
    assert fields.battery_pct(level) == percent


@given(data=st.binary(max_size=60))
def test_payloads_in_base64_and_hex(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert fields.from_base64(text, "data") == fields.from_base64(text.rstrip("="), "data") == data
    assert fields.from_hex(data.hex().upper(), "data") == data


def test_a_payload_is_bounded() -> None:
    with pytest.raises(DecodeError, match="data: 2000 bytes, expected at most 1024"):
        fields.from_hex("00" * 2000, "data")


# -- the codec ----------------------------------------------------------------------------------------------------


def uplink(**changed: Any) -> LoraUplink:
    given = {"dev_eui": SAID.dev_eui, "f_cnt": 1, "f_port": 85, "payload": SAID.payload, "observed_at": NOW} | changed
    return LoraUplink(**given)


def model_used(message: LoraUplink, choice: Choice, device: Device | None = None) -> str | None:
    """The model whose codec was used, told by the kind that it hints at."""
    decoded = claims(message, choice, CATALOGUE, lambda identity: device)
    return decoded.uplinks[0].kind


def device(**attributes: str) -> Device:
    return Device(1, "bin-1", "bin", attributes=attributes)


@pytest.mark.parametrize(
    ("models", "attributes", "hints", "kind"),
    [
        ({}, {}, {}, None),
        ({}, {}, {"models": ("GS301",)}, "toilet"),
        ({}, {}, {"profile": "Milesight GS301 EU868"}, "toilet"),
        ({"Bins": "EM310-UDL"}, {}, {"profile": "bins", "models": ("GS301",)}, "bin"),
        ({"24e124": "EM310-UDL", "24": "GS301"}, {}, {}, "bin"),
        ({"24e124": "EM310-UDL", "Toilets": "GS301"}, {}, {"profile": "Toilets"}, "toilet"),
        ({"24e124": "EM310-UDL"}, {"model": "GS301"}, {}, "toilet"),
        ({"24e124": "EM310-UDL"}, {"model": "EM310-UDL", "codec": "milesight-gs301"}, {}, "toilet"),
        ({"24e124": "EM310-UDL"}, {"model": "a plate that names no codec"}, {}, "bin"),
        ({}, {"model": "EM310-UDL"}, {"models": ("GS301",)}, "bin"),
    ],
)
def test_the_surest_word_names_the_codec(
    models: dict[str, str], attributes: dict[str, str], hints: dict[str, Any], kind: str | None
) -> None:
    assert model_used(uplink(**hints), Choice(models), device(**attributes)) == kind


def test_no_codec_says_what_to_set_and_files_how_it_was_heard() -> None:
    decoded = claims(uplink(profile="Acme", gateways=(Gateway("a", -80.0, 2.0),)), Choice(), CATALOGUE, nobody)
    assert decoded.uplinks[0].readings == {"rssi_dbm": -80.0, "snr_db": 2.0}
    (problem,) = decoded.problems
    for word in (SAID.dev_eui, "'Acme'", "attribute model or codec", "models in the settings"):
        assert word in problem


def test_a_payload_that_is_not_of_the_model_is_told() -> None:
    decoded = claims(uplink(payload=b"\xaa\xbb"), Choice({"24e1": "EM310-UDL"}), CATALOGUE, nobody)
    assert decoded.problems[0].startswith("milesight-em310-udl: channel aa bb")


@pytest.mark.parametrize("changed", [{"payload": b""}, {"f_port": 0}, {"payload": b"", "f_port": None}])
def test_an_uplink_of_mac_commands_alone_is_a_sign_of_life(changed: dict[str, Any]) -> None:
    decoded = claims(uplink(**changed), Choice(), CATALOGUE, nobody)
    assert not decoded.problems
    assert [dict(one.readings) for one in decoded.uplinks] == [{}]


def test_the_servers_object_counts_before_the_bytes() -> None:
    served = uplink(decoded={"distance": 77, "battery": 12})
    for choice in (Choice(), Choice({"24e1": "EM310-UDL"})):
        decoded = claims(served, choice, CATALOGUE, nobody)
        assert decoded.uplinks[0].readings == {"distance_mm": 77.0, "battery_pct": 12.0}


def test_bytes_are_decoded_where_the_servers_object_says_nothing_known() -> None:
    served = uplink(decoded={"abstand": 77})
    decoded = claims(served, Choice({"24e1": "EM310-UDL"}), CATALOGUE, nobody)
    assert decoded.uplinks[0].readings["distance_mm"] == 500.0
    assert "attribute model or codec" in claims(served, Choice(), CATALOGUE, nobody).problems[0]


def test_a_mapping_of_the_settings_reads_the_servers_object(tmp_path: Any) -> None:
    mapping = tmp_path / "acme.yaml"
    mapping.write_text("abstand: {metric: distance_mm, scale: 10}\n")
    choice = choice_of({"24e1": "acme"}, {"acme": CodecSection(mapping=mapping, kind="bin")})
    decoded = claims(uplink(decoded={"abstand": 7.7}), choice, CATALOGUE, nobody)
    assert decoded.uplinks[0].readings == {"distance_mm": 77.0}
    undecoded = claims(uplink(), choice, CATALOGUE, nobody)
    assert undecoded.problems == ["acme: codec: no script is set for it, and the network server decoded nothing"]


def test_a_script_of_the_settings_reads_the_bytes(tmp_path: Any) -> None:
    script = tmp_path / "acme.js"
    script.write_text("function decodeUplink(input) { return { data: { abstand: input.bytes[5], p: input.fPort } }; }")
    mapping = tmp_path / "acme.yaml"
    mapping.write_text("abstand: {metric: distance_mm, scale: 10}\n")
    choice = choice_of({"24e1": "acme"}, {"acme": CodecSection(file=script, mapping=mapping)})
    decoded = claims(uplink(), choice, CATALOGUE, nobody)
    assert decoded.problems == []
    assert decoded.uplinks[0].readings == {"distance_mm": 2440.0}


@pytest.mark.parametrize(
    ("models", "section", "words"),
    [
        ({"Bins": "abacus"}, {}, "models: 'Bins': no codec is named 'abacus'"),
        ({}, {"a": {"file": "/nowhere/a.js"}}, "/nowhere/a.js"),
        ({}, {"a": {"mapping": "/nowhere/a.yaml"}}, "/nowhere/a.yaml"),
    ],
)
def test_settings_at_fault_are_told_at_the_start(models: Any, section: Any, words: str) -> None:
    codecs = {name: CodecSection(**fields) for name, fields in section.items()}
    with pytest.raises(ConfigError, match=words):
        choice_of(models, codecs)


# -- what is no uplink --------------------------------------------------------------------------------------------


def test_an_external_supply_is_no_battery() -> None:
    status = {
        "time": "2026-11-23T08:20:00Z",
        "deviceInfo": {"devEui": SAID.dev_eui},
        "margin": 14,
        "externalPowerSource": True,
        "batteryLevel": 0,
    }
    message = chirpstack_wire.read(json.dumps(status).encode())
    assert isinstance(message, Notice)
    assert message.readings == {}
    assert message.fields == {"margin_db": 14.0}


@pytest.mark.parametrize("kind", chirpstack_wire.PASSED)
def test_events_of_chirpstack_that_say_nothing_to_us_pass(kind: str) -> None:
    payload = json.dumps({"deviceInfo": {"devEui": SAID.dev_eui}, "time": "2026-11-23T08:20:00Z"}).encode()
    for channel in (f"application/1/device/{SAID.dev_eui}/event/{kind}", f"/api/v1/uplinks/chirpstack?event={kind}"):
        assert chirpstack_wire.read(payload, channel) == Passed(kind, SAID.dev_eui)
        assert decode("chirpstack", payload, channel).uplinks == []


@pytest.mark.parametrize("kind", tts_wire.PASSED)
def test_messages_of_tts_that_say_nothing_to_us_pass(kind: str) -> None:
    payload = json.dumps({"end_device_ids": {"dev_eui": SAID.dev_eui}, kind: {}}).encode()
    assert tts_wire.read(payload) == Passed(kind, SAID.dev_eui)


def test_simulated_uplinks_are_filed_only_where_asked_for() -> None:
    envelope = SERVERS["tts"][1](SAID, SAID.at, -90) | {"simulated": True}
    frame = Frame("tts", "city", "", json.dumps(envelope).encode(), NOW)
    assert decoders()["tts"](frame).uplinks == []
    section = tts.TtsSection(name="city", models={"24e1": "EM310-UDL"}, simulated=True)
    (found,) = PLUGINS["tts"].decoder([section], Tools(CATALOGUE))(frame).uplinks
    assert found.doubtful == frozenset(found.readings)


def test_messages_are_counted_by_kind() -> None:
    decoder = LoraDecoder("loriot", loriot.loriot.read, [], Tools(CATALOGUE))
    for word in ("rx", "txd", "txd", *(f"odd-{n}" for n in range(100))):
        envelope = SERVERS["loriot rx"][1](SAID, SAID.at, -90) | {"cmd": word}
        decoder(Frame("loriot", "?", "", json.dumps(envelope).encode(), NOW))
    assert decoder.counts["uplink"] == 1
    assert decoder.counts["txd"] == 2
    assert len(decoder.counts) <= 65
    assert sum(figure.value for figure in decoder.figures()) == 103


def test_a_battery_that_tts_repeats_is_told_once() -> None:
    envelope = SERVERS["tts"][1](SAID, SAID.at, -90)
    told = {"value": 40.0, "f_cnt": SAID.f_cnt}
    for f_cnt, expected in ((SAID.f_cnt, 40.0), (SAID.f_cnt - 1, None)):
        envelope["uplink_message"]["last_battery_percentage"] = told | {"f_cnt": f_cnt}
        message = tts_wire.read(json.dumps(envelope).encode())
        assert isinstance(message, LoraUplink)
        assert message.battery_pct == expected


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "given", "filters"),
    [
        ("chirpstack", {}, ()),
        ("chirpstack", {"broker": "lora"}, ("application/+/device/+/event/+",)),
        ("chirpstack", {"broker": "lora", "application": "7"}, ("application/7/device/+/event/+",)),
        ("chirpstack", {"topics": ("eu868/#",)}, ("eu868/#",)),
        ("tts", {"broker": "ttn"}, ("v3/+/devices/+/up", "v3/+/devices/+/join")),
        (
            "tts",
            {"broker": "ttn", "application": "bins", "tenant": "ttn"},
            ("v3/bins@ttn/devices/+/up", "v3/bins@ttn/devices/+/join"),
        ),
        ("tts", {"broker": "own", "application": "bins"}, ("v3/bins/devices/+/up", "v3/bins/devices/+/join")),
        ("loriot", {"broker": "own"}, ()),
        ("thingpark", {"broker": "own", "topics": ("mqtt/things/+/uplink",)}, ("mqtt/things/+/uplink",)),
    ],
)
def test_what_is_subscribed_to(protocol: str, given: dict[str, Any], filters: tuple[str, ...]) -> None:
    plugin = PLUGINS[protocol]
    assert plugin.webhook
    assert plugin.subscriptions is not None
    found = plugin.subscriptions(plugin.section(name="city", **given))
    assert [(one.filters, one.source, one.broker) for one in found] == (
        [(filters, "city", given.get("broker"))] if filters else []
    )


def test_sections_know_their_own_models_and_webhooks_those_of_all() -> None:
    sections = [
        chirpstack.ChirpstackSection(name="bins", models={"24e1": "EM310-UDL"}),
        chirpstack.ChirpstackSection(name="toilets", models={"24e1": "GS301"}),
    ]
    decoder = PLUGINS["chirpstack"].decoder(sections, Tools(CATALOGUE))
    payload = lora_frame("chirpstack", SAID).payload
    kinds = [
        decoder(Frame("chirpstack", source, "", payload, NOW)).uplinks[0].kind
        for source in ("bins", "toilets", "key 7")
    ]
    assert kinds == ["bin", "toilet", "bin"]
