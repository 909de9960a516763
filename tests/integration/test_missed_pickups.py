"""Missed pick-ups through a real hub: posted telemetry of trucks and bins, emptyings as the hub finds them, reports."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZipFile

import openpyxl
import pypdfium2

from fleet import calendar
from fleet.master.collection import Master
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window
from store.fleet.entry import FleetEntry
from store.writing import WriteSession
from tests.posting import Post, posting, until

SECOND = 1_000_000
MINUTE = 60 * SECOND
SHIFT = Shift("early", 5 * 60, 180)
ON = (datetime.now(UTC) - timedelta(days=3)).date()
START, END = calendar.span(SHIFT, ON)
LON, LAT, METRE = 114.30, 30.58, 1 / 95_700  # to the east
STOPS = tuple(
    Stop(f"s{n}", LON + 300 * n * METRE, LAT, name=f"人民路{n}号", device=f"bin-{n}", windows=(Window(300, 420),))
    for n in range(1, 6)
)
ROUTE = Route("east", 0, "collect", (((LON, LAT), (LON + 1_800 * METRE, LAT)),), "East", "东线", stops=STOPS)
MASTER = Master(
    routes=(ROUTE,), shifts=(SHIFT,), plans=(Plan("p1", ON, "early", route="east", vehicle="vehicle-1"),)
)  # fmt: skip
Message = dict[str, Any]


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")


def truck(device: str, at: int, along_m: float, speed: float, lift: int = 0) -> Message:
    fix = {"lat": LAT, "lon": round(LON + along_m * METRE, 7), "speed_kmh": speed, "heading_deg": 90}
    return {"device": device, "ts": iso(at), "readings": {"ignition": 1, "lift": lift}, "fix": fix}


def round_driven() -> list[Message]:
    """Along the route at 18 km/h with one lift, at the first bin; before and after it stands at the ends."""
    at, along = START + 10 * MINUTE, 0.0
    found = [truck("vehicle-1", one, 0, 0) for one in range(START, at, 30 * SECOND)]
    while along < 1_800:
        if along == 300:
            found += [truck("vehicle-1", at + n * 10 * SECOND, along, 0, lift) for n, lift in enumerate((0, 1, 1, 0))]
            at += 40 * SECOND
        found.append(truck("vehicle-1", at, along, 18))
        at, along = at + 10 * SECOND, along + 50
    return found + [truck("vehicle-1", one, 1_800, 0) for one in range(at, END, 30 * SECOND)]


def levels(device: str, first: int, *fills: float) -> list[Message]:
    """A level every ten minutes, from so many minutes after the shift's beginning on."""
    found = [
        {"device": device, "ts": iso(START + (first + 10 * n) * MINUTE), "readings": {"fill_pct": fill}}
        for n, fill in enumerate(fills)
    ]
    found[0]["fix"] = {"lat": LAT, "lon": round(LON + 300 * int(device[-1]) * METRE, 7)}
    return found


AT_ONCE = [
    *round_driven(),
    *levels("bin-1", -20, 88, 89, 90, 90, 4, 4, *[5.0] * 15),  # emptied by the truck, about 05:11
    *levels("bin-2", -20, *[40.0 + n for n in range(20)]),
    *levels("bin-3", -20, *[91.0] * 12),  # nothing after 06:30
    *levels("bin-4", -20, *[93.0] * 20),
    *levels("bin-5", -600, 50),  # silent ever since
]
NEXT_MORNING = [
    *(truck("vehicle-2", START + 95 * MINUTE + n * 10 * SECOND, 900, 0, lift) for n, lift in enumerate((0, 1, 1, 0))),
    *levels("bin-3", 100, *[6.0] * 9),
]


LOOKED = "SELECT 1 FROM looks WHERE name = 'emptyings' AND received_at >= (SELECT max(received_at) FROM device_state)"


async def posted(post: Post, messages: list[Message], seed: int) -> None:
    """In any order, some of it twice; until the hub has looked for emptyings in all of it."""
    key = await post.key("integration")
    mixed = [*messages, *messages[::9]]
    Random(seed).shuffle(mixed)
    for place in range(0, len(mixed), 100):
        answer = await post.telemetry(key, mixed[place : place + 100])
        assert answer.status_code == 200, answer.text
    await until(lambda: post.sql(LOOKED), "all that was posted is looked at")


async def made(post: Post, headers: dict[str, str], kind: str) -> dict[str, Any]:
    """The report of the day: its revision, as the API tells it."""
    order = {"kind": kind, "from": iso(START - 300 * MINUTE), "to": iso(START + 1_140 * MINUTE), "zone": SHIFT.zone}
    answer = await post.client.post("/api/v1/reports/jobs", json=order, headers=headers)
    assert answer.status_code == 202, answer.text
    while True:
        job = (await post.client.get(answer.headers["location"], headers=headers)).json()
        if job["state"] not in ("waiting", "working"):
            assert job["state"] == "done", job
            found: dict[str, Any] = (await post.client.get(f"/api/v1/reports/{job['report']}", headers=headers)).json()
            return found
        await asyncio.sleep(0)


async def file(post: Post, headers: dict[str, str], number: int, name: str, lang: str = "en", **more: str) -> bytes:
    params = {"format": name, "lang": lang, **more}
    answer = await post.client.get(f"/api/v1/reports/{number}/file", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content


async def states(post: Post, headers: dict[str, str], number: int, table: str) -> dict[str, str]:
    text = (await file(post, headers, number, "csv", table=table, bom="false")).decode()
    return {row["Stop"]: row["State"] for row in csv.DictReader(StringIO(text))}


async def test_what_became_of_each_stop_and_what_late_data_change(postgres_dsn: str, tmp_path: Path) -> None:
    async with posting(postgres_dsn, tmp_path, bins={"look_every_s": 0.05}) as post:
        headers = {"X-API-Key": await post.key("manager")}
        await posted(post, AT_ONCE, seed=1)
        await FleetEntry(WriteSession(post.hub._pool)).enter(MASTER, "test")
        by = "SELECT 1 FROM emptyings e JOIN devices d ON d.key = e.device_key WHERE d.id = %s AND e.vehicle = %s"
        assert post.sql(by, "bin-1", "vehicle-1"), "the emptying by the truck itself is found"

        first = await made(post, headers, "missed_pickups")
        compliance = await made(post, headers, "route_compliance")
        expected = {"人民路1号": "on time", "人民路2号": "not full", "人民路3号": "missed", "人民路4号": "missed",
                    "人民路5号": "no data"}  # fmt: skip
        assert await states(post, headers, compliance["id"], "stops") == expected
        assert await states(post, headers, first["id"], "missed_pickups") == {
            "人民路3号": "missed", "人民路4号": "missed",
        }  # fmt: skip
        assert await states(post, headers, first["id"], "not_missed") == {
            "人民路2号": "not full", "人民路5号": "no data",
        }  # fmt: skip
        again = await made(post, headers, "missed_pickups")
        assert (again["id"], again["hash"]) == (first["id"], first["hash"])

        await posted(post, NEXT_MORNING, seed=2)
        assert post.sql(by, "bin-3", "vehicle-2"), "the emptying by another truck is found"
        second = await made(post, headers, "missed_pickups")
        assert (second["revision"], second["hash"] != first["hash"]) == (2, True)
        changed = {tuple(one["where"]): (one["before"], one["after"]) for one in second["change_list"]}
        assert changed["Overview", "Missed"] == (2, 1)
        assert changed["Overview", "Emptied by another vehicle"] == (0, 1)
        moved = [where[0] for where in changed if "人民路3号" in where]
        assert set(moved) == {
            "Missed and late pick-ups", "Not missed: bin not full, emptied by another, or not known",
        }  # fmt: skip
        later = await made(post, headers, "route_compliance")
        assert await states(post, headers, later["id"], "stops") == {**expected, "人民路3号": "by another"}
        assert (later["revision"], compliance["revision"]) == (2, 1)

        await said_in_every_format(post, headers, second["id"])
        await posted(post, [*AT_ONCE, *NEXT_MORNING], seed=3)
        assert (await made(post, headers, "missed_pickups"))["hash"] == second["hash"], "what came twice is there once"


async def said_in_every_format(post: Post, headers: dict[str, str], number: int) -> None:
    """The outcomes, in both languages."""
    document = json.loads(await file(post, headers, number, "json"))["document"]
    figures = {one["id"]: one["value"] for part in document["sections"] for one in part["figures"]}
    assert (figures["scheduled"], figures["missed"], figures["not_full"], figures["by_others"]) == (5, 1, 1, 1)
    assert figures["missed_per_10000"] == 5_000, "of the two that were the vehicle's to serve and are known"
    assert figures["unknown"] == 1
    with ZipFile(BytesIO(await file(post, headers, number, "csv", "zh"))) as archive:
        rows = list(csv.reader(StringIO(archive.read("outcomes.csv").decode("utf-8-sig"))))
    assert ["他车收运", "1", "0.2", "时间窗结束前已由其他车辆收运"] in rows
    book = openpyxl.load_workbook(BytesIO(await file(post, headers, number, "xlsx", "zh")))
    sheet = book["站点结果统计"]
    assert {row[0].value: row[1].value for row in sheet.iter_rows(min_row=5)}["未满"] == 1
    page = (await file(post, headers, number, "html", "en")).decode()
    assert "bin-4: up to 93 %; the vehicle came by at" in page
    assert "bin-3: emptied at" in page
    assert "bin-2: at most 4" in page
    pdf = pypdfium2.PdfDocument(await file(post, headers, number, "pdf", "zh"))
    text = re.sub(r"[\s\u200b\ufffe-]", "", "".join(one.get_textpage().get_text_range() for one in pdf))
    for words in ("站点结果统计", "他车收运", "bin2：车辆于", "达到75%才需收运"):  # lines are broken anywhere
        assert words in text
