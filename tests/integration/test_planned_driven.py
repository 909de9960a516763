"""A plan through a running hub: foretold, entered, followed by trackers and reports, held against what was driven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fleet.master.collection import Master
from fleet.planning.course import course
from fleet.planning.distance import Streets
from fleet.planning.geojson import read_places
from fleet.planning.problem import CollectionPlan, Tour
from hub.bins.settings import BinsSection
from hub.planning.request import Request, Sources, gather
from simulators.city import registry
from simulators.city.city import City
from simulators.city.settings import Size
from store.fleet.entry import FleetEntry
from store.fleet.master import FleetMaster
from store.reading import ReadSession
from store.writing import WriteSession
from tests.hub.cli_runner import invoke
from tests.posting import Post, posting, until

HOUR = 3_600
CITY = City(3, 1_780_000_000_000_000, Size(vehicles=2, bins=8, toilets=0, workers=0))
BINS = [entry for entry in registry.devices(CITY) if entry["kind"] == "bin"]
TRUCKS = [entry for entry in registry.devices(CITY) if entry["kind"] == "vehicle"]
FULL = {one["id"] for one in BINS[:5]}
END = int(time()) // HOUR * HOUR - HOUR  # a shift of four hours that is over since an hour at least
BEGIN = END - 4 * HOUR
STREETS = registry.streets(CITY)
Messages = list[dict[str, Any]]


def instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def fills(name: str, hours: Iterator[int] | range, first: float, rate: float) -> Messages:
    return [
        {"device": name, "ts": BEGIN + hour * HOUR, "readings": {"fill_pct": round(first + rate * number, 1)}}
        for number, hour in enumerate(hours)
    ]


async def told(post: Post, messages: Messages) -> None:
    key = await post.key("integration")
    for place in range(0, len(messages), 500):
        answer = await post.telemetry(key, messages[place : place + 500])
        assert (answer.status_code, answer.json().get("problems")) == (200, []), answer.text


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    """Five bins that rise to 80 % until an hour before the shift, and go on so; three that hardly fill."""
    async with posting(postgres_dsn, tmp_path, bins={"look_every_s": 0.05}) as running:
        await asyncio.wait_for(running.hub._ready.wait(), 60)
        known: Messages = []
        for one in BINS:
            first, rate = (56.0, 1.0) if one["id"] in FULL else (3.0, 0.1)
            known += fills(one["id"], range(-25, 0), first, rate)
        parked = {"lat": 30.0, "lon": 114.0}
        known += [{"device": one["id"], "ts": BEGIN - HOUR, "fix": parked} for one in TRUCKS]
        await told(running, known)
        for entry in (*BINS, *TRUCKS):
            running.sql(
                "UPDATE devices SET status = 'active', kind = %s, attributes = %s WHERE id = %s",
                *(entry["kind"], json.dumps(entry["attributes"]), entry["id"]),
            )
        places = read_places(registry.places(CITY))
        await FleetEntry(WriteSession(running.hub._pool)).enter(Master(places=places), "test")
        yield running


async def asked(post: Post, **fields: Any) -> dict[str, Any]:
    """A planning that has ended; depot and tip are those of the master data."""
    on = instant(BEGIN).astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    span = {"begin": instant(BEGIN).isoformat(), "end": instant(END).isoformat()}
    headers = {"X-API-Key": await post.key("dispatcher")}
    wanted = {"on": on, **span, "streets": STREETS, **fields}
    answer = await post.client.post("/api/v1/planning/collection", json=wanted, headers=headers)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    async with asyncio.timeout(60):
        while job["state"] in ("waiting", "running"):
            await asyncio.sleep(0.05)
            job = (await post.client.get(f"/api/v1/planning/jobs/{job['id']}")).json()
    return dict(job)


async def planned(post: Post, **fields: Any) -> dict[str, Any]:
    """The same, and it has worked."""
    job = await asked(post, **fields)
    assert (job["state"], job["fault"]) == ("done", None)
    return job


def bins_of(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {v["place"]: v for tour in job["plan"]["tours"] for v in tour["visits"] if v["kind"] == "bin"}


def drive(tour: Tour, left_out: str) -> Messages:
    """A tour as it was planned, a position every ten seconds; one bin is driven past."""
    visits = [visit for visit in tour.visits if visit.kind != "break"]
    line, along = course([(visit.lon, visit.lat) for visit in visits], Streets(STREETS))
    lon, lat = np.array(line).T
    steps = np.hypot(np.diff(lon) * 96_297.6, np.diff(lat) * 111_195.0)
    measure = np.concatenate(([0.0], np.cumsum(steps))) * (along[-1] / steps.sum())
    times = [at / 1e6 for visit in visits for at in (visit.arrive, visit.leave)]
    ways = np.repeat(along, 2)
    service = [(v.begin / 1e6, v.leave / 1e6) for v in visits if v.kind == "bin" and v.place != left_out]
    out: Messages = []
    for at in np.arange(times[0], times[-1] + 60, 10.0):
        way = float(np.interp(at, times, ways))
        fix = {"lat": float(np.interp(way, measure, lat)), "lon": float(np.interp(way, measure, lon))}
        pace = float(np.interp(at + 5, times, ways) - np.interp(at - 5, times, ways)) / 10 * 3.6
        lifts = int(any(begin <= at < leave for begin, leave in service))
        readings = {"ignition": 1, "lift": lifts, "speed_kmh": round(pace, 1)}
        out.append({"device": tour.truck, "ts": round(at), "readings": readings, "fix": fix | {"speed_kmh": pace}})
    return out


def emptied(tours: Sequence[Tour], left_out: str) -> Messages:
    """What the bins said about it."""
    found: Messages = []
    for visit in (v for tour in tours for v in tour.visits if v.kind == "bin"):
        last = 90.0 if visit.place == left_out else 2.0
        for at, fill in ((visit.begin // 1_000_000 - 60, 84.0), (visit.leave // 1_000_000 + 60, last)):
            found.append({"device": visit.place, "ts": at, "readings": {"fill_pct": fill}})
    return found


async def test_bins_are_chosen_by_the_forecast_and_places_come_from_the_master_data(post: Post) -> None:
    job = await planned(post)
    # 80 % an hour before; a point an hour makes 87 % by the time at which a truck could come again.
    assert bins_of(job).keys() == FULL
    assert {visit["source"] for visit in bins_of(job).values()} == {"forecast"}
    assert {visit["reason"] for visit in bins_of(job).values()} == {"FULLNESS"}
    ends = {visit["place"] for tour in job["plan"]["tours"] for visit in (tour["visits"][0], tour["visits"][-1])}
    assert ends == {place.id for place in read_places(registry.places(CITY)) if place.role == "depot"}
    measured = await planned(post, expect="measured")
    assert {visit["source"] for visit in bins_of(measured).values()} == {"measured"}


async def test_an_entered_plan_is_driven_followed_and_audited(post: Post) -> None:
    job = await planned(post, enter=True)
    run, viewer = job["run"], {"X-API-Key": await post.key("viewer")}
    plan = await post.hub.orders.plan(run)
    assert isinstance(plan, CollectionPlan)
    left_out = plan.tours[-1].bins[-1]
    await post.hub.tracking.follow_plans()
    for tour in plan.tours:
        task = post.hub.tracking.book.task(tour.truck, tour.visits[0].leave)
        assert task is not None
        assert task.plan == f"{run}:{tour.truck}"
        assert task.route is not None
        assert [stop.device for stop in task.route.stops] == list(tour.bins)

    await told(post, [*emptied(plan.tours, left_out), *(one for t in plan.tours for one in drive(t, left_out))])
    gone = FULL - {left_out}
    await until(lambda: post.sql("SELECT count(*) FROM emptyings WHERE NOT retracted") == [(len(gone),)], "emptyings")
    offsets = [value for _, name, value in post.readings() if name == "route_offset_m"]
    assert len(offsets) > 50
    assert np.median(offsets) < 30

    answer = await post.client.get(f"/api/v1/planning/runs/{run}/audit", headers=viewer)
    assert answer.status_code == 200, answer.text
    told_ = answer.json()
    assert told_["in_force"] is True
    assert sum(tour["served"] for tour in told_["audit"]["tours"]) == len(gone)
    fates = {stop["bin"]: (stop["fate"], stop["by"]) for stop in told_["audit"]["stops"]}
    assert fates[left_out] == ("missed", None)
    assert {fates[name] for name in gone} == {("served", tour.truck) for tour in plan.tours for _ in tour.bins[:1]}
    for tour in told_["audit"]["tours"]:
        assert tour["driven_m"] == pytest.approx(tour["planned_m"], rel=0.1)
        assert tour["order_kept"] in (1.0, None)
        assert abs(tour["late_s"] or 0) < 120
        assert tour["out"] is not None
    assert told_["audit"]["unplanned"] == []

    span = ("--from", instant(BEGIN - HOUR).isoformat(), "--to", instant(END).isoformat(), "--format", "json")
    for kind in ("route-compliance", "missed-pickups"):
        result = await asyncio.to_thread(invoke, "report", kind, *span, dsn=post.dsn)
        assert result.exception is None, (kind, result.exception)
        assert plan.tours[-1].truck in result.stdout
        assert left_out in result.stdout or kind == "route-compliance"

    shown = await asyncio.to_thread(invoke, "plan", "audit", run, "--stops", dsn=post.dsn)
    assert shown.exception is None, shown.exception
    assert f"served: {len(gone) / len(FULL):.0%}" in shown.stdout
    assert f"{left_out}: missed, planned for {plan.tours[-1].truck}" in shown.stdout


async def test_a_plan_that_takes_the_place_of_another_withdraws_it(post: Post) -> None:
    first = await planned(post, enter=True)
    second = await planned(post, enter=True, bins=sorted(FULL)[:2])
    master = FleetMaster(ReadSession(post.hub._pool))
    plans = await master.plans()
    assert {one.id.rpartition(":")[0] for one in plans} == {second["run"]}
    routes = await master.routes(BEGIN * 1_000_000, [one.route or "" for one in plans])
    assert sorted(stop.device or "" for route in routes for stop in route.stops) == sorted(FULL)[:2]
    ((shift,),) = post.sql("SELECT count(*) FROM shifts")
    assert shift == 1
    headers = {"X-API-Key": await post.key("viewer")}
    old = (await post.client.get(f"/api/v1/planning/runs/{first['run']}/audit", headers=headers)).json()
    assert old["in_force"] is False
    assert {stop["fate"] for stop in old["audit"]["stops"]} == {"no_data"}


async def test_what_cannot_be_audited_says_why(post: Post) -> None:
    headers = {"X-API-Key": await post.key("viewer")}
    assert (await post.client.get("/api/v1/planning/runs/none/audit", headers=headers)).status_code == 404
    unknown = {"X-API-Key": "nobody"}
    assert (await post.client.get("/api/v1/planning/runs/none/audit", headers=unknown)).status_code == 401
    later = instant(END) + timedelta(days=2)
    on = later.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    ends = {"begin": later.isoformat(), "end": (later + timedelta(hours=4)).isoformat()}
    job = await planned(post, on=on, **ends, bins=sorted(FULL), enter=True)
    answer = await post.client.get(f"/api/v1/planning/runs/{job['run']}/audit", headers=headers)
    assert answer.status_code == 409
    assert "its shift is not over before" in answer.json()["detail"]
    result = await asyncio.to_thread(invoke, "plan", "audit", "none", dsn=post.dsn)
    assert "there is no entered plan called 'none'" in str(result.exception)


async def test_depots_that_nobody_can_tell_apart_are_asked_for(post: Post) -> None:
    (depot,) = (place for place in read_places(registry.places(CITY)) if place.role == "depot")
    other = type(depot)("depot-2", "depot", depot.lon + 0.001, depot.lat)
    await FleetEntry(WriteSession(post.hub._pool)).enter(Master(places=(other,)), "test")
    said = "vehicle vehicle-0001: attributes.depot: expected one of depot, depot-2, got None"
    assert (await asked(post))["fault"] == said
    post.sql("UPDATE devices SET attributes = attributes || '{\"depot\": \"depot-2\"}' WHERE kind = 'vehicle'")
    job = await planned(post)
    assert {tour["visits"][0]["place"] for tour in job["plan"]["tours"]} == {"depot-2"}


async def test_a_date_or_zone_that_is_none_is_said_so(post: Post) -> None:
    said = "on: expected the date on which the shift begins in Asia/Shanghai, got 2020-01-01"
    assert (await asked(post, on="2020-01-01"))["fault"] == said
    assert "there is no 'Mars/North'" in (await asked(post, zone="Mars/North"))["fault"]


async def test_a_program_may_expect_otherwise(post: Post) -> None:
    on = instant(BEGIN).astimezone(ZoneInfo("Asia/Shanghai")).date()
    request = Request(on, BEGIN * 1_000_000, END * 1_000_000)
    sources = Sources.over(ReadSession(post.hub._pool), BinsSection())
    empty = await gather(request, sources, lambda level, at: 0.0)
    assert empty.problem.demands == ()
    full = await gather(request, sources, lambda level, at: 100.0)
    assert [one.bin for one in full.problem.demands] == [one["id"] for one in BINS]
    assert {one.source for one in full.problem.demands} == {"measured"}


async def test_what_was_not_known_yet_does_not_count(post: Post) -> None:
    """Planned the evening before, by what was known then: the last reading is of an hour before the question."""
    on = instant(BEGIN).astimezone(ZoneInfo("Asia/Shanghai")).date()
    request = Request(on, BEGIN * 1_000_000, END * 1_000_000, collect_pct=70)
    sources = Sources.over(ReadSession(post.hub._pool), BinsSection())
    evening = (BEGIN - 8 * HOUR) * 1_000_000
    found = (await gather(request, sources, now=evening)).problem.demands
    assert {one.bin for one in found} == FULL
    assert {one.source for one in found} == {"forecast"}
    litres = {entry["id"]: entry["attributes"]["litres"] for entry in BINS}
    for one in found:  # 73 % at the time of the question, and about a point an hour since then
        assert 73 < one.litres / litres[one.bin] * 100 < 90
