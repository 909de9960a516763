"""Planning through a real hub and the command line: bins in PostgreSQL, the solver's process, work orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.city import registry
from simulators.city.city import City
from simulators.city.settings import Size
from tests.hub.cli_runner import invoke
from tests.posting import Post, posting

BEGIN = datetime(2025, 3, 11, 21, 0, tzinfo=UTC)  # five in the morning of the 12th, in Shanghai; long ago
CITY = City(3, 1_780_000_000_000_000, Size(vehicles=3, bins=12, toilets=0, workers=0))


def bin_rows(post: Post) -> None:
    """Twelve bins: the first six nearly full, five nearly empty, one that nobody knows where it stands."""
    for number, entry in enumerate(registry.devices(CITY)):
        attributes = {} if entry["id"] == "bin-0012" else entry["attributes"]
        ((key,),) = post.sql(
            "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, %s, 'active', %s) RETURNING key",
            *(entry["id"], entry["kind"], json.dumps(attributes)),
        )
        if entry["kind"] == "bin":
            fill = 80.0 if number < 3 + 6 else 5.0
            for hours in (26, 2):  # a day apart, and risen by 6 points meanwhile
                post.sql(
                    "INSERT INTO readings (device_key, metric_key, quality, observed_at, value, received_at)"
                    " SELECT %s, key, 0, %s, %s, now() FROM metrics WHERE name = 'fill_pct'",
                    *(key, BEGIN - timedelta(hours=hours), fill + (0 if hours == 26 else 6)),
                )


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(postgres_dsn, tmp_path) as running:
        await asyncio.wait_for(running.hub._ready.wait(), 60)
        bin_rows(running)
        yield running


def wanted(**fields: Any) -> dict[str, Any]:
    spots = {f["properties"]["role"]: f["geometry"]["coordinates"] for f in registry.places(CITY)["features"]}
    depot, tip = ({"id": role, "lon": spots[role][0], "lat": spots[role][1]} for role in ("depot", "tip"))
    span = {"begin": "2025-03-12T05:00:00+08:00", "end": "2025-03-12T13:00:00+08:00"}
    return {"on": "2025-03-12", **span, "depot": depot, "tips": [tip], **fields}


async def finished(post: Post, job: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while job["state"] in ("waiting", "running"):
            await asyncio.sleep(0.05)
            job = (await post.client.get(f"/api/v1/planning/jobs/{job['id']}")).json()
    return job


async def ask(post: Post, key: str, status: int = 202, **fields: Any) -> dict[str, Any]:
    headers = {"X-API-Key": key}
    answer = await post.client.post("/api/v1/planning/collection", json=wanted(**fields), headers=headers)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def test_what_is_due_is_planned_and_entered_once(post: Post) -> None:
    key = await post.key("dispatcher")
    job = await finished(post, await ask(post, key, streets=registry.streets(CITY), enter=True))
    assert (job["state"], job["fault"]) == ("done", None)
    assert (job["chosen_from"], job["nowhere"]) == (11, ["bin-0012"])
    due = [visit["place"] for tour in job["plan"]["tours"] for visit in tour["visits"] if visit["kind"] == "bin"]
    assert sorted(due) == [f"bin-{number:04d}" for number in range(1, 7)]
    listed = (await post.client.get(f"/api/v1/work-orders?run={job['run']}&limit=3")).json()
    assert len(listed["items"]) == 3
    assert listed["items"][0]["state"] == "planned"
    again = await finished(post, await ask(post, key, streets=registry.streets(CITY), enter=True))
    assert again["fault"] is None
    orders = (await post.client.get("/api/v1/work-orders?on=2025-03-12")).json()["items"]
    open_ = [one for one in orders if one["state"] == "planned"]
    assert sorted(one["device"] for one in open_ if one["kind"] == "collect") == sorted(due)
    # An alert that came meanwhile makes another plan of it, which takes the place of the first.
    runs = {job["run"], again["run"]}
    assert {one["run"] for one in open_} == {again["run"]}
    targets = post.sql("SELECT target FROM audit WHERE action = 'planning.enter'")
    assert sorted(targets) == sorted((f"planning:{run}",) for run in runs)


async def test_what_cannot_be_planned_says_why(post: Post) -> None:
    key = await post.key("dispatcher")
    job = await finished(post, await ask(post, key, vehicles=["nobody"]))
    assert (job["state"], job["fault"]) == ("failed", "vehicles: there is no vehicle called nobody")
    job = await finished(post, await ask(post, key, streets={"type": "FeatureCollection", "features": []}))
    assert job["fault"].startswith("streets: features: expected LineStrings")
    told = await ask(post, key, 422, begin="2025-03-12T05:00:00", bins=[""])
    assert {fault["field"] for fault in told["errors"]} == {"begin", "bins.0"}
    await ask(post, await post.key("viewer"), 403)
    assert (await post.client.get("/api/v1/planning/jobs/0123456789abcdef")).status_code == 404


async def test_the_command_line_plans_the_same(post: Post, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.geojson" for name in ("places", "streets", "out")}
    files["places"].write_text(json.dumps(registry.places(CITY)), "utf-8")
    files["streets"].write_text(json.dumps(registry.streets(CITY)), "utf-8")
    command = ["plan", "collection", "--date", "2025-03-12", "--places", files["places"]]
    command += ["--streets", files["streets"], "--geojson", files["out"], "--enter"]
    result = await asyncio.to_thread(invoke, *command, dsn=post.dsn)
    assert result.exit_code == 0, result.output
    assert "6 bins" in result.stdout
    assert "work orders, entered; 0 earlier orders cancelled" in result.stderr
    assert "1 bins stand nobody knows where: bin-0012" in result.stderr
    drawn = json.loads(files["out"].read_text("utf-8"))
    assert sum(feature["properties"]["role"] == "bin" for feature in drawn["features"]) == 6
    job = await finished(post, await ask(post, await post.key("dispatcher"), streets=registry.streets(CITY)))
    assert job["fault"] is None
    planned = [visit["place"] for tour in job["plan"]["tours"] for visit in tour["visits"] if visit["kind"] == "bin"]
    orders = (await post.client.get("/api/v1/work-orders?on=2025-03-12")).json()["items"]
    assert sorted(one["device"] for one in orders if one["kind"] == "collect") == sorted(planned)
    assert len(planned) == 6


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--date", "25.11.2026", "--date: expected YYYY-MM-DD"),
        ("--shift", "5-13", "--shift: expected HH:MM-HH:MM"),
        ("--zone", "Mars/North", "--zone: there is no 'Mars/North'"),
        ("--places", "none.geojson", "none.geojson: No such file"),
    ],
)
def test_wrong_options_name_themselves(tmp_path: Path, option: str, value: str, said: str) -> None:
    places = tmp_path / "places.geojson"
    places.write_text(json.dumps(registry.places(CITY)), "utf-8")
    options = {"--date": "2026-11-25", "--places": str(places)} | {option: value}
    result = invoke("plan", "collection", *(part for pair in options.items() for part in pair))
    assert said in str(result.exception)


def test_a_shift_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    from hub.planning.command import _span

    begin, end, on = _span("2026-11-25", "21:00-05:00", "Asia/Shanghai")
    assert (end - begin, on.isoformat()) == (8 * 3_600_000_000, "2026-11-25")
    begin, end, _ = _span("2026-10-24", "22:00-06:00", "Europe/Berlin")  # the clock goes back that night
    assert end - begin == 9 * 3_600_000_000
