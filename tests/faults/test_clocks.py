"""Clocks that step: the hub's machine's, by hours and back, and those of devices."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from devices.vocabulary import Quality
from store.telemetry.devices_table import DeviceSpec, enter
from tests.access_keys import make_key
from tests.faults.conftest import Undisturbed
from tests.faults.harness.clock import HOUR, HubClock
from tests.faults.harness.outcome import keep, outcome
from tests.faults.harness.scene import Scene, settings
from tests.faults.harness.survival import stream as stream_of
from tests.hubs import HubProcess
from tests.servers import NatsServer, wait_until

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
HubOver = Callable[..., HubProcess]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def clock(open_folder: Path) -> HubClock:
    return HubClock(open_folder)


async def test_steps_of_the_hubs_clock_lose_and_double_nothing(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver, undisturbed: Undisturbed, clock: HubClock
) -> None:
    stream = stream_of(0)
    expected = await asyncio.to_thread(undisturbed, stream)
    with clock.preloaded():
        hub = hub_over(postgres_dsn, settings(nats_broker.address))
    scene = Scene(stream, hub, lambda: postgres_dsn, nats_broker.address)

    async def steps(scene: Scene) -> None:
        for turn, hours in enumerate((6, -6, 0, 0.2, 0) * 2):
            await scene.reached(0.08 * (turn + 1))
            clock.step(hours * HOUR)
        await scene.recovered()

    await scene.play(steps)
    ending = await scene.ending(expected)
    assert ending.verdict.sound, ending.verdict
    assert "\n".join(ending.differences) == "", hub.text()[-3000:]
    done = "wall clock +6 h, −6 h, right, +12 min, right, twice, while messages come; the monotonic clock goes on"
    keep(outcome("clock-hub", "The clock of the hub's machine steps", done, stream.seed, ending))


class Live:
    """Devices with right clocks, and one without, that say something now."""

    def __init__(self, hub: HubProcess, dsn: str) -> None:
        self.hub, self._dsn = hub, dsn
        self._key = make_key(dsn, "integration")
        self.said: list[tuple[str, int, float]] = []  #: device, when it was (µs), value

    def say(self, device: str, *, timed: bool = True, at: int | None = None, **readings: float) -> httpx.Response:
        """Posted, and answered after the commit; ``at`` (µs) is what the device's clock shows, if it is wrong."""
        now = time.time_ns() // 1_000_000 * 1_000 if at is None else at
        message: dict[str, object] = {"device": device, "readings": readings} | ({"ts": now // 1_000} if timed else {})
        self.said += [(device, now, value) for value in readings.values()]
        answer = httpx.post(
            f"{self.hub.url}/api/v1/telemetry", json=message, headers={"X-API-Key": self._key}, timeout=30
        )
        return answer

    def rows(self, device: str, metric: str) -> list[tuple[float, int, int, int]]:
        """(value, instant, reception, quality) as stored, by value."""
        query = """
        SELECT r.value, (extract(epoch FROM r.observed_at) * 1e6)::bigint,
               (extract(epoch FROM r.received_at) * 1e6)::bigint, r.quality
          FROM readings r JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
         WHERE d.id = %s AND m.name = %s ORDER BY 1"""
        with psycopg.connect(self._dsn) as connection:
            return connection.execute(query, (device, metric)).fetchall()

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database."""
        with psycopg.connect(self._dsn) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def live(postgres_dsn: str, hub_over: HubOver, clock: HubClock) -> Iterator[Live]:
    with clock.preloaded():
        hub = hub_over(postgres_dsn, "[broker]\nenabled = false\n[alerts]\ngrace_s = 1\n")
    wait_until(lambda: hub.get("/readyz").status_code == 200, "the hub is ready")
    yield Live(hub, postgres_dsn)


def test_after_a_step_was_corrected_all_is_as_if_it_had_not_been(
    live: Live, postgres_dsn: str, clock: HubClock
) -> None:
    timed = ("bin-1", "vehicle-1", "toilet-1")

    def everybody(number: int) -> None:
        for device in timed:
            assert live.say(device, battery_v=number).json()["problems"] == []
        assert live.say("meter-1", timed=False, energy_kwh=number).json()["problems"] == []

    def step(hours: float) -> None:
        before = live.hub.text().count("clock_set")
        clock.step(hours * HOUR)
        wait_until(lambda: live.hub.text().count("clock_set") > before, "the hub has seen that its clock was set")

    everybody(1)
    step(6)  # nobody has been silent for that
    everybody(2)
    step(0)
    everybody(3)
    assert live.sql("SELECT * FROM alerts") == []
    for device in timed:
        said = [at for one, at, _ in live.said if one == device]
        assert [(at, quality) for _, at, _, quality in live.rows(device, "battery_v")] == [(at, 0) for at in said]
    # Without a time it is when it came: an hour that the hub took for another is not lived through twice.
    *_, (_, at, received_at, _) = live.rows("meter-1", "energy_kwh")
    said_at = [when for one, when, _ in live.said if one == "meter-1"]
    assert said_at[2] <= at == received_at <= time.time_ns() // 1_000

    step(-6)  # devices seem to be ahead: what they say is filed when it came, with a mark
    assert live.say("bin-2", battery_v=1).json()["problems"] == []
    step(0)
    assert live.say("bin-2", battery_v=2).json()["problems"] == []
    (_, _, _, marked), (_, at, _, right) = live.rows("bin-2", "battery_v")
    assert (marked, right) == (Quality.CLOCK_WRONG, 0)
    assert at == live.said[-1][1]

    # Clocks of devices that step, start in 1970, run ahead, or forget 1,024 weeks: marked while they are wrong.
    now, week = time.time_ns() // 1_000_000 * 1_000, 7 * 24 * HOUR * 1_000_000
    for at in (now, 5_000_000, now + week, now - 1_024 * week, now + 1_000):
        assert live.say("vehicle-2", at=at, mileage_km=len(live.said)).json()["problems"] == []
    told = [(at, quality) for _, at, _, quality in live.rows("vehicle-2", "mileage_km")]
    assert [quality for _, quality in told] == [0, *[Quality.CLOCK_WRONG] * 3, 0]
    assert (told[0][0], told[4][0]) == (now, now + 1_000)
    assert all(now <= at <= time.time_ns() // 1_000 for at, _ in told)

    # Nothing waits for the time that the clock has been set back by: bells, and what others change.
    assert live.say("bin-3", smoke=1).json()["problems"] == []
    routed = "SELECT count(*) FROM outbox WHERE action = 'raised' AND routed_at IS NOT NULL"
    wait_until(lambda: live.sql(routed) == [(1,)], "the bell of a fire has rung")
    asyncio.run(enter(postgres_dsn, [DeviceSpec("bin-1", status="blocked")]))
    wait_until(lambda: "blocked" in live.say("bin-1", battery_v=4).text, "the hub has heard that it is blocked")
