"""Simulated toilet controllers behind gateways, polled by a real hub: what is stored is what they measured."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from pathlib import Path

import pytest

from simulators.casting import Peers, cast
from simulators.city.observation import SECOND
from simulators.run import run
from simulators.scenario import load_scenario
from simulators.source import make_source
from simulators.speakers.mqtt_json import BrokerAddress
from simulators.truth import nowhere
from tests.hubs import HubProcess, mqtt_section
from tests.intake import contents, dead_letters
from tests.servers import NatsServer

SEED = 3
RESOLUTION = {  # half a unit of the register, in the metric's unit
    **{"nh3_ppm": 0.00715, "h2s_ppm": 0.0036, "humidity_pct": 0.0501, "temperature_c": 0.0501},
    **{"water_m3": 0.000501, "energy_kwh": 0.00501, "paper_pct": 0.501, "soap_pct": 0.501},
}
pytestmark = pytest.mark.timeout(300)


async def test_polls_see_what_the_toilets_measure(
    postgres_dsn: str, nats_broker: NatsServer, open_folder: Path, eventually
) -> None:
    changes = {"size.vehicles": 0, "size.bins": 0, "size.workers": 0, "size.toilets": 6, "intervals.toilet_s": 2}
    scenario = load_scenario(
        "small", {**changes, "speakers": {"toilet": {"modbus": 1}}, "modbus": {"units": 4, "dead": 0.17}}
    )
    gateways = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    peers = Peers(modbus=lambda _: gateways)
    casting = cast(scenario, make_source(scenario, SEED, 0, nowhere()), SEED, peers)
    assert (casting.gateways, len(casting.dead)) == (2, 1)
    sections = ""
    for number, gateway in enumerate(gateways):
        units = [
            f'{{ unit = {seat.unit}, device = "{name}", map = "toilet-controller", period_s = 1 }}'
            for name, seat in casting.seats.items()
            if seat.gateway == number
        ]
        port = gateway.getsockname()[1]
        sections += f'[[modbus]]\nname = "g{number}"\nkind = "tcp"\nport = {port}\nunits = [{", ".join(units)}]\n'
    hub = HubProcess(open_folder, postgres_dsn, f"{mqtt_section(nats_broker.address)}\n{sections}")
    stop = asyncio.Event()
    start_us = time.time_ns() // 1_000_000 * 1_000
    simulating = asyncio.create_task(
        run(
            scenario,
            broker=BrokerAddress(*nats_broker.address),
            peers=peers,
            start_us=start_us,
            seed=SEED,
            speed=1,
            stop=stop,
        )
    )
    try:
        await asyncio.to_thread(hub.start)
        live = set(casting.protocols) - set(casting.dead)

        def has_tables() -> bool:
            answer = hub.get("/api/v1/status")
            return answer.status_code == 200 and bool(answer.json().get("devices"))

        def polled() -> bool:
            stored = contents(postgres_dsn, tables=("readings",))["readings"]
            counted = defaultdict(set)
            for device, metric, at, *_ in stored:
                if metric == "co2_ppm":
                    counted[device].add(at)
            return set(counted) == live and all(len(instants) >= 4 for instants in counted.values())

        await asyncio.to_thread(eventually, has_tables, "the tables are made")
        await asyncio.to_thread(eventually, polled, "every living unit was polled")
    finally:
        stop.set()
        summary = await simulating
        hub.kill()
        for gateway in gateways:
            gateway.close()
    assert summary.protocols["modbus"].unconfirmed == summary.protocols["modbus"].messages > 0
    measured = defaultdict(set)
    city = make_source(scenario, SEED, start_us, nowhere())
    for observation in city.advance(summary.end_us + SECOND):
        for metric, value in observation.readings.items():
            measured[observation.device_id, metric].add(value)
    for device in live:  # a controller's switches are off until it has measured, which a poll may see
        measured[device, "light"].add(0)
        measured[device, "fan"].add(0)
    readings = contents(postgres_dsn, tables=("readings",))["readings"]
    assert {row[0] for row in readings} == live
    seen = {row[1] for row in readings}
    assert {"nh3_ppm", "people_in", "stalls_occupied", "water_m3", "energy_kwh", "fan", "light"} <= seen
    for device, metric, _, value, *_ in readings:
        if metric in ("sos", "smoke", "door_open"):
            assert value == 0
            continue
        within = RESOLUTION.get(metric, 0.501 if metric == "power_w" else 1e-6)
        assert any(abs(value - true) <= within for true in measured[device, metric]), (device, metric, value)
    assert dead_letters(postgres_dsn) == []
