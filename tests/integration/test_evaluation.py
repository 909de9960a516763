"""An evaluation through a real hub: master data, posted telemetry of a badge out of order and twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from fleet import calendar
from fleet.master.collection import Master
from fleet.master.people import Worker
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift
from store.fleet.entry import FleetEntry
from store.writing import WriteSession
from tests.posting import posting

MINUTE = 60_000_000
SHIFT = Shift("early", 5 * 60, 240)
LON, LAT, METRE = 114.30, 30.58, 1 / 111_195
POST = Area("post-1", 0, "post", lines=(((LON, LAT), (LON, LAT + 300 * METRE)),), width_m=40.0)


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")


def report(at: int, on_duty: int, north_m: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {"device": "worker-0001", "ts": iso(at), "readings": {"on_duty": on_duty}}
    if north_m is not None:
        told["fix"] = {"lat": round(LAT + north_m * METRE, 7), "lon": LON}
    return told


async def test_late_shuffled_and_doubled_reports_end_in_the_same_evaluation(postgres_dsn: str, tmp_path: Path) -> None:
    on = (datetime.now(UTC) - timedelta(days=3)).date()
    start, end = calendar.span(SHIFT, on)
    reports = [report(start, 0, None), report(start + 8 * MINUTE, 0, None)]
    reports += [
        report(at, 1, 300 - abs(step * 60 % 600 - 300))
        for step, at in enumerate(range(start + 12 * MINUTE, end, MINUTE))
    ]
    async with posting(postgres_dsn, tmp_path) as post:
        key, reader = await post.key("integration"), await post.key("viewer")
        first = await post.telemetry(key, reports[:2])
        assert first.status_code == 200, first.text
        people, plan = (
            Worker("li", "Li Mei", device="worker-0001"),
            Plan("p1", on, "early", area="post-1", workers=("li",)),
        )
        master = Master(areas=(POST,), workers=(people,), shifts=(SHIFT,), plans=(plan,))
        await FleetEntry(WriteSession(post.hub._pool)).enter(master, "test")

        async def told() -> Any:
            params = {"from": iso(start - 24 * 60 * MINUTE), "to": iso(end + 24 * 60 * MINUTE)}
            path = "/api/v1/evaluation/workers/li"
            answer = await post.client.get(path, params=params, headers={"X-API-Key": reader})
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert (await told())["points"] is None, "hardly any data: neither absent nor late"
        later = [*reports[2:], *reports[::7]]
        Random(1).shuffle(later)
        for place in range(0, len(later), 50):
            assert (await post.telemetry(key, later[place : place + 50])).status_code == 200
        judged = await told()
        (shift,) = judged["shifts"]
        assert (shift["state"], shift["late_s"], shift["early_s"], shift["covered"]) == ("present", 720, 0, 1)
        assert shift["arrived"] == iso(start + 12 * MINUTE)
        (late,) = judged["items"][0]["deductions"]
        assert late["evidence"]["zh"] == "迟到12分钟"
        assert (await post.telemetry(key, reports[40:90])).status_code == 200
        assert await told() == judged
