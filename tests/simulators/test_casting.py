from __future__ import annotations

import socket
from collections import Counter

import pytest

from simulators.casting import Peers, cast
from simulators.scenario import ScenarioError, load_scenario, parse_scenario
from simulators.source import make_source
from simulators.speakers.allotment import allot
from simulators.speakers.http_json import HttpAddress
from simulators.speakers.identities import identities, imei_of, phone_of
from simulators.speakers.lines import Peer
from simulators.truth import nowhere

SHARES = {
    "vehicle": {"jt808": 0.6, "nmea-tcp": 0.2, "nmea-udp": 0.1, "mqtt-json": 0.1},
    "bin": {"chirpstack": 0.4, "tts": 0.3},
    "toilet": {"modbus": 0.5, "chirpstack": 0.2},
    "worker": {"http": 0.5, "mqtt-json": 0.5},
}
ALL = Peers(
    jt808=Peer("h", 1),
    nmea_tcp=Peer("h", 2),
    nmea_udp=("h", 3),
    http=HttpAddress("http://h", "k"),
    modbus=lambda count: [socket.socket() for _ in range(count)],
)
IDS = [f"{kind}-{number:04d}" for kind in SHARES for number in range(1, 101)]


def test_shares_are_kept_and_the_seed_decides_who() -> None:
    found = allot(IDS, SHARES, 1)
    counts = Counter((device_id.partition("-")[0], protocol) for device_id, protocol in found.items())
    wanted = {("vehicle", "jt808"): 60, ("vehicle", "nmea-udp"): 10, ("bin", "mqtt-json"): 30, ("worker", "http"): 50}
    for key, count in wanted.items():
        assert abs(counts[key] - count) <= 2, (key, counts)
    assert allot(IDS, SHARES, 1) == found != allot(IDS, SHARES, 2)
    assert allot(IDS[50:60], SHARES, 1).items() <= found.items(), "others change nothing"
    assert set(allot(IDS, {}, 1).values()) == {"mqtt-json"}


def test_even_a_few_devices_keep_to_the_shares() -> None:
    for seed in range(20):
        few = allot([f"vehicle-{number:04d}" for number in range(1, 11)], SHARES, seed)
        assert 5 <= Counter(few.values())["jt808"] <= 7


def test_a_protocol_that_nobody_listens_to_gives_way_to_json() -> None:
    scenario = load_scenario("small", {"speakers": SHARES})
    source = make_source(scenario, 1, 0, nowhere())
    everything, json_alone = cast(scenario, source, 1, ALL), cast(scenario, source, 1, Peers(lorawan=False))
    assert {"jt808", "chirpstack", "tts", "modbus", "http", "mqtt-json"} <= set(everything.protocols.values())
    assert set(json_alone.protocols.values()) == {"mqtt-json"}
    assert json_alone.gateways == 0
    assert sum(json_alone.missing.values()) > 20
    assert {"jt808", "chirpstack"} < set(json_alone.missing)
    assert not everything.missing


def test_the_parts_of_a_city() -> None:
    scenario = load_scenario("demo", {"speakers": SHARES, "modbus": {"units": 4, "dead": 0.2}})
    casting = cast(scenario, make_source(scenario, 1, 0, nowhere()), 1, ALL)
    toilets = [name for name, protocol in casting.protocols.items() if protocol == "modbus"]
    assert list(casting.seats) == toilets
    assert casting.gateways == -(-len(toilets) // 4)
    assert len(casting.dead) == round(0.2 * len(toilets))
    assert casting.clockless == {n for n, p in casting.protocols.items() if p in ("chirpstack", "tts", "modbus")}
    fitting = casting.fitting("vehicle-0007")
    assert (fitting.phone, fitting.plate) == (phone_of("vehicle-0007"), "鄂AH0007")
    assert fitting.tank_l in (160, 180, 200)
    known = [pair for name in casting.protocols for pair in casting.identities(name)]
    assert len(set(known)) == len(known)


def test_identities_are_of_their_form() -> None:
    assert phone_of("vehicle-0005") == "013900000005"
    assert phone_of("vehicle-0001") == "00000000013900000001", "the edition of 2019 has 20 digits"
    imei = imei_of("vehicle-0042")
    digits = [int(digit) * (1 + place % 2) for place, digit in enumerate(imei)]
    assert len(imei) == 15
    assert sum(digit // 10 + digit % 10 for digit in digits) % 10 == 0
    assert identities("nmea-udp", "vehicle-0042") == (("imei", imei),)
    assert [scheme for scheme, _ in identities("chirpstack", "toilet-0003")] == ["dev_eui", "dev_eui"]
    assert identities("modbus", "toilet-0003") == identities("http", "worker-0003") == ()


@pytest.mark.parametrize(
    ("speakers", "says"),
    [
        ({"vehicle": {"carrier-pigeon": 1}}, "speakers.vehicle.carrier-pigeon: unknown protocol; there are jt808"),
        ({"bin": {"jt808": 0.5}}, "speakers.bin.jt808: is spoken by vehicle only"),
        ({"robot": {"http": 0.5}}, "speakers.robot.http: is spoken by bin, toilet, vehicle, worker only"),
        ({"worker": {"http": 0.7, "mqtt-json": 0.4}}, "speakers.worker: the shares come to more than 1"),
        ({"worker": {"http": 2}}, "speakers"),
    ],
)
def test_shares_that_cannot_be(speakers: dict[str, dict[str, float]], says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario({"name": "x", "speakers": speakers}, "x")
    assert says in str(caught.value)
