"""``sanihub influx`` and the doctor's look at InfluxDB."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hub.doctor.examined import Examined
from hub.doctor.influx import check_influx, influx_facts
from hub.influx.backfill import Backfill, Wanted
from hub.influx.pump import Pump
from hub.settings.settings import load
from store.influx.client import InfluxAwayError, InfluxClient
from store.influx.marks import MarkQueue
from store.influx.points import Naming
from tests.hub.cli_runner import decoded, invoke, write
from tests.influx_server import InfluxServer, influx_server
from tests.influx_stored import expected, section, section_text
from tests.intake import NOW, clear, frame, ingest, make_assembler, make_store

SECOND = 1_000_000
BEGIN = NOW - 3_600 * SECOND
SPAN = ("--from", "2026-11-22T23:00:00Z", "--to", "2026-11-23T00:00:00Z")


@pytest.fixture(scope="module")
def filled(postgres_module_dsn: str) -> str:
    asyncio.run(_fill(postgres_module_dsn))
    return postgres_module_dsn


async def _fill(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    clear(dsn)
    assembler = make_assembler(store)
    for device in ("bin-1", "bin-2", "truck-1"):
        fix = {"lat": 30, "lon": 114} if device == "truck-1" else None
        messages = [{"ts": BEGIN + n * SECOND, "readings": {"fill_pct": n % 90, "battery_v": 3.6}} for n in range(300)]
        await ingest(store, assembler, [frame(one | ({"fix": fix} if fix else {}), device) for one in messages])
    await store.close()


@pytest.fixture
def dsn(filled: str) -> str:
    with psycopg.connect(filled, autocommit=True) as connection:
        for table in ("influx_marks", "influx_refused", "influx_sink", "influx_backfills"):
            connection.execute(f"DELETE FROM {table}".encode())
    return filled


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with influx_server() as one:
        yield one


@pytest.fixture
def config(tmp_path: Path, server: InfluxServer) -> Path:
    return write(tmp_path / "sanihub.toml", section_text(server, batch_points=100, timeout_s=5.0))


def test_backfill_brings_everything_and_again_changes_nothing(dsn: str, server: InfluxServer, config: Path) -> None:
    result = invoke("influx", "backfill", *SPAN, "--config", config, dsn=dsn)
    assert result.exit_code == 0, result.output
    assert "1200 points written" in result.stdout
    assert server.points == expected(dsn)
    assert invoke("influx", "backfill", *SPAN, "--config", config, dsn=dsn).exit_code == 0
    assert server.points == expected(dsn)


def test_backfill_of_one_device_and_a_part_of_the_span(dsn: str, server: InfluxServer, config: Path) -> None:
    span = ("--from", "2026-11-22T23:01:00Z", "--to", "2026-11-22T23:02:00Z")
    result = invoke("influx", "backfill", *span, "--device", "truck-1", "--config", config, dsn=dsn)
    assert "120 points written" in result.stdout
    within = {BEGIN + n * SECOND for n in range(60, 120)}
    wanted = {k: v for k, v in expected(dsn).items() if k[1] == (("device", "truck-1"),) and k[2] in within}
    assert server.points == wanted
    nobody = invoke("influx", "backfill", *span, "--device", "nobody", "--config", config, dsn=dsn)
    assert "0 points written" in nobody.stdout


async def test_backfill_goes_on_where_it_was_broken_off(
    dsn: str, server: InfluxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.influx.backfill.INSTANTS_AT_ONCE", 70)
    queue, client = MarkQueue(dsn), InfluxClient(section(server).target())
    wanted = Wanted(BEGIN, NOW)

    def begun() -> Backfill:
        return Backfill(Pump(client, queue, Naming(), 1_000), wanted)

    first = begun()
    assert not await first.open()
    for _ in range(6):
        assert await first.step()
    server.decide = lambda number: "cut"
    with pytest.raises(InfluxAwayError):
        await first.step()
    server.decide = lambda number: None
    requests, written = server.requests, first.progress.points
    second = begun()
    assert await second.open()
    assert second.progress == first.progress
    assert second.progress.devices == 1
    while await second.step():
        pass
    assert server.points == expected(dsn)
    assert second.progress.points == 1_200
    assert server.requests - requests == 5 * 2 - 1  # each device is five pieces; the first and one more were done
    assert written == 300 + 70
    third = begun()
    assert not await third.open()  # it has come to its end, and would begin anew
    await queue.close()
    client.close()


async def test_the_rate_is_bounded(dsn: str, server: InfluxServer) -> None:
    queue, client = MarkQueue(dsn), InfluxClient(section(server).target())
    work = Backfill(Pump(client, queue, Naming(), 1_000), Wanted(BEGIN, NOW, "bin-1", rate=0.001))
    await work.open()
    await work.step()
    stop = asyncio.Event()
    resting = asyncio.create_task(work.rest(stop))
    done, _ = await asyncio.wait({resting}, timeout=0.05)
    assert not done
    stop.set()  # who breaks it off need not wait
    await resting
    await queue.close()
    client.close()


def test_refused_values_are_listed_and_forgotten(dsn: str, server: InfluxServer, config: Path) -> None:
    server.types["readings", "battery_v"] = int
    assert invoke("influx", "backfill", *SPAN, "--device", "bin-1", "--config", config, dsn=dsn).exit_code == 0
    entries = decoded(invoke("influx", "refused", "list", "--limit", 400, "--json", "--config", config, dsn=dsn))
    assert len(entries) == 300
    assert {(one["measurement"], one["device"], one["field"], one["value"]) for one in entries} == {
        ("readings", "bin-1", "battery_v", "3.6")
    }
    assert "already exists as type integer" in entries[0]["reason"]
    table = invoke("influx", "refused", "list", "--limit", 3, "--config", config, dsn=dsn).stdout
    assert "battery_v" in table
    assert decoded(invoke("influx", "refused", "list", "--device", "x", "--json", "--config", config, dsn=dsn)) == []
    assert "300 values forgotten" in invoke("influx", "refused", "clear", "--config", config, dsn=dsn).stdout


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (("--from", "yesterday"), "--from"),
        (("--from", "2026-11-23T00:00:00Z", "--to", "2026-11-22T00:00:00Z"), "expected an instant before --to"),
    ],
)
def test_a_span_that_is_none_is_told(dsn: str, config: Path, argv: tuple[str, ...], fault: str) -> None:
    result = invoke("influx", "backfill", *argv, "--config", config, dsn=dsn)
    assert fault in str(result.exception)


async def test_the_doctor_says_what_is_wrong(dsn: str, server: InfluxServer, tmp_path: Path) -> None:
    async def look(text: str) -> dict[str, str]:
        settings = load(write(tmp_path / "sanihub.toml", text))
        examined = Examined(settings, tmp_path)
        examined.influx = await influx_facts(settings.influx, dsn)
        return {one.check: one.state for one in await check_influx(examined)}

    text = section_text(server)
    assert await look("") == {}
    assert await look(text) == {"InfluxDB": "ok", "InfluxDB bucket": "ok", "InfluxDB lag": "ok"}
    assert (await look(text.replace("test-token", "other")))["InfluxDB bucket"] == "fail"
    assert (await look(text.replace('"sanitation"', '"other"')))["InfluxDB bucket"] == "fail"
    queue = MarkQueue(dsn)
    await queue.keep_on()
    await queue.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO influx_marks (made_at, records, device_keys, instants)"
            " VALUES (now() - interval '1 hour', 7, '{1}', '{2026-11-23}')"
        )
        connection.execute("INSERT INTO influx_refused VALUES ('readings', 'bin-1', now(), 'fill_pct', '1.0', 'why')")
    found = await look(text)
    assert (found["InfluxDB lag"], found["InfluxDB refusals"]) == ("warn", "warn")
    server.stop()
    assert (await look(text))["InfluxDB"] == "fail"
    server.start()
