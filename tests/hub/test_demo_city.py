from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from hub.demo.city import DemoCity
from hub.settings import settings
from ingest.plugin import discover
from simulators.scenario import load_scenario


@pytest.fixture
def city() -> Iterator[DemoCity]:
    scenario = load_scenario("demo", {"size.vehicles": 10, "size.bins": 9, "size.toilets": 12, "size.workers": 4})
    with closing(DemoCity(scenario, 1)) as city:
        yield city


def test_the_settings_are_such_as_the_hub_takes(city: DemoCity, tmp_path) -> None:
    chosen = settings.load(None, data=tmp_path, store={"dsn": ""}, mqtt=(), **city.settings())
    spoken = set(city.casting.protocols.values())
    assert {"jt808", "nmea-tcp", "nmea-udp"} <= spoken
    assert [section.port for section in chosen.jt808] == [0]
    assert [section.kind for section in chosen.nmea] == ["tcp-server", "udp"]
    inputs = {metric for switch in chosen.jt808[0].switches() for metric in (switch.metric,)}
    assert inputs == {"pto", "brush", "spray", "pump", "lift"}
    known = discover()
    assert ("modbus" in spoken) is ("modbus" in known)
    assert ("chirpstack" in spoken) is ({"chirpstack", "tts"} <= set(known))


def test_every_device_is_described_with_what_it_goes_by(city: DemoCity) -> None:
    specs = {spec.id: spec for spec in city.specs()}
    assert len(specs) == 35
    for device_id, protocol in city.casting.protocols.items():
        identities = specs[device_id].identities
        assert identities is not None
        schemes = {identity.scheme for identity in identities}
        assert schemes == {"jt808": {"jt808_phone"}, "nmea-tcp": {"imei"}, "nmea-udp": {"imei"}}.get(
            protocol, {"dev_eui"} if protocol in ("chirpstack", "tts") else set()
        )


def test_gateways_listen_before_the_hub_starts(city: DemoCity) -> None:
    for bus in city.settings().get("modbus", []):
        with socket.create_connection(("127.0.0.1", bus["port"]), 5):
            pass


def test_a_plain_load_has_nobody_to_describe() -> None:
    with closing(DemoCity(load_scenario("load", {"load.devices": 4}), 1)) as city:
        assert city.specs() == []
        assert city.settings() == {}
