"""Fill from distance on the way from a claim to the database, for every protocol alike."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.clock import ClockPolicy
from devices.vocabulary import Batch, Device, Identity, Quality, Uplink
from ingest.filing import Filer
from tests.intake import NOW, clear, contents, frame, ingest, make_assembler, make_store

SECOND = 1_000_000
GEOMETRY = {"empty_mm": 1_000, "full_mm": 200, "blind_mm": 100}


def filed(uplink: Uplink, device: Device, filer: Filer | None = None) -> dict[str, tuple[float, int]]:
    batch = Batch()
    (filer or Filer(ClockPolicy())).file(frame(b"x"), uplink, 0, device, {}, batch)
    assert len({reading.metric for reading in batch.readings}) == len(batch.readings)
    return {reading.metric: (reading.value, reading.quality) for reading in batch.readings}


def claim(observed_at: int | None = NOW, doubtful: frozenset[str] = frozenset(), **readings: float) -> Uplink:
    return Uplink(Identity("id", "bin-1"), observed_at, readings, doubtful=doubtful)


def bin_with(attributes: dict[str, Any]) -> Device:
    return Device(7, "bin-1", "bin", attributes=attributes)


def test_a_distance_becomes_a_fill_in_a_bin_with_geometry() -> None:
    assert filed(claim(distance_mm=600), bin_with(GEOMETRY)) == {"distance_mm": (600, 0), "fill_pct": (50, 0)}


def test_a_fill_that_the_device_tells_itself_stays() -> None:
    told = filed(claim(distance_mm=600, fill_pct=61), bin_with(GEOMETRY))
    assert told == {"distance_mm": (600, 0), "fill_pct": (61, 0)}


@pytest.mark.parametrize("distance", [40, 5_000])
def test_a_distance_that_means_nothing_is_kept_without_a_fill(distance: float) -> None:
    assert filed(claim(distance_mm=distance), bin_with(GEOMETRY)) == {"distance_mm": (distance, 0)}


def test_no_geometry_no_fill() -> None:
    assert filed(claim(distance_mm=600), bin_with({})) == {"distance_mm": (600, 0)}
    assert filed(claim(temperature_c=6), bin_with(GEOMETRY)) == {"temperature_c": (6, 0)}


def test_the_fill_has_the_marks_of_its_distance() -> None:
    told = filed(claim(None, frozenset(("distance_mm",)), distance_mm=600), bin_with(GEOMETRY))
    mark = Quality.UNCERTAIN | Quality.CLOCK_ABSENT
    assert told == {"distance_mm": (600, mark), "fill_pct": (50, mark)}


def test_a_geometry_that_is_entered_later_counts_from_then_on() -> None:
    filer, device = Filer(ClockPolicy()), bin_with({})
    assert "fill_pct" not in filed(claim(distance_mm=600), device, filer)
    device.attributes = GEOMETRY
    assert filed(claim(distance_mm=600), device, filer)["fill_pct"] == (50, 0)


# -- into a real database -------------------------------------------------------------------------------------------


def messages() -> list[dict[str, Any]]:
    distances = [1_000, 800, 600, 400, 200, 50, 4_000]
    return [
        {"ts": (NOW - (10 - n) * 60 * SECOND) // SECOND, "readings": {"distance_mm": distance}}
        for n, distance in enumerate(distances)
    ]


async def register(dsn: str) -> None:
    """The devices become known, and two of them get a geometry."""
    store = make_store(dsn)
    try:
        await ingest(store, make_assembler(store), [frame({"readings": {"battery_pct": 1}}, name) for name in BINS])
    finally:
        await store.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name, attributes in BINS.items():
            connection.execute("UPDATE devices SET attributes = %s WHERE id = %s", (json.dumps(attributes), name))
    clear(dsn)


BINS: dict[str, dict[str, Any]] = {"bin-1": GEOMETRY, "bin-2": {"depth_mm": 1_080}, "bin-3": {}}


async def test_each_distance_makes_one_fill_whatever_the_order(postgres_dsn: str) -> None:
    await register(postgres_dsn)
    frames = [frame(message, name) for message in messages() for name in BINS]
    results = []
    for order in (frames, frames[::-1], frames * 2, [*frames[5:], *frames[:9]]):
        store = make_store(postgres_dsn)
        try:
            await ingest(store, make_assembler(store), order, chunk=4)
        finally:
            await store.close()
        results.append(contents(postgres_dsn, tables=("readings", "latest")))
        clear(postgres_dsn)
    assert all(result == results[0] for result in results)
    fills = [(row[0], row[3]) for row in results[0]["readings"] if row[1] == "fill_pct"]
    first = [("bin-1", fill) for fill in (0, 25, 50, 75, 100)]
    second = [("bin-2", fill) for fill in (8.33, 29.17, 50, 70.83, 91.67, 100)]
    assert fills == first + second
    assert sum(row[1] == "distance_mm" for row in results[0]["readings"]) == len(frames)


@given(st.permutations(range(4)))
def test_filing_is_the_same_in_any_order(order: list[int]) -> None:
    uplinks = [claim(NOW - n * SECOND, distance_mm=300 + 100 * n) for n in range(4)]
    filer, batch = Filer(ClockPolicy()), Batch()
    for n in order:
        filer.file(frame(b"x"), uplinks[n], 0, bin_with(GEOMETRY), {}, batch)
    rows = {(r.metric, r.observed_at): r.value for r in batch.readings}
    assert len(rows) == len(batch.readings) == 8
    assert rows == {
        key: value
        for n in range(4)
        for key, value in (
            (("distance_mm", NOW - n * SECOND), 300 + 100 * n),
            (("fill_pct", NOW - n * SECOND), 87.5 - 12.5 * n),
        )
    }


def test_a_device_is_not_copied_for_its_geometry() -> None:
    device = bin_with(GEOMETRY)
    batch = Batch()
    Filer(ClockPolicy()).file(frame(b"x"), claim(distance_mm=600), 0, device, {}, batch)
    assert all(reading.device is device for reading in batch.readings)
    assert msgspec.structs.asdict(device)["attributes"] is GEOMETRY
