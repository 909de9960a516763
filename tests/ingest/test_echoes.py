"""One uplink that comes by several ways is one set of rows; a counter that begins again swallows nothing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from devices.registry import Registry
from devices.vocabulary import Frame, Identity
from ingest.assembly import IntakeRules
from ingest.echoes import COPIES_APART
from ingest.replay import Replayer
from store.telemetry.dead_letters import DeadLetterDesk
from store.telemetry.devices_table import DeviceSpec, enter
from store.telemetry.forgetting import Keeping
from tests.intake import NOW, clear, contents, dead_letters, ingest, make_store
from tests.lorawan import SECOND, SERVERS, Said, decoders, lora_assembler, lora_frame

MINUTE = 60 * SECOND
TELLING = ("chirpstack", "tts", "thingpark")  #: servers whose copies tell the session


def filed(dsn: str) -> dict[str, list[tuple[str, int, float]]]:
    """(device, instant, value) of the readings by metric."""
    found: dict[str, list[tuple[str, int, float]]] = {}
    for device, metric, at, value, *_ in contents(dsn, tables=("readings",))["readings"]:
        found.setdefault(metric, []).append((device, round(at.timestamp() * 1e6), value))
    return found


async def file(dsn: str, *frames: Frame, chunk: int = 1_000) -> None:
    """File frames, then forget all that is in memory: the next call begins like a hub that was killed."""
    store = make_store(dsn)
    await ingest(store, lora_assembler(store), frames, chunk)
    await store.close()


@pytest.fixture(scope="module")
def tables(postgres_module_dsn: str) -> str:
    """A database that has its tables."""

    async def make() -> None:
        store = make_store(postgres_module_dsn)
        await store.open()
        await store.close()

    asyncio.run(make())
    return postgres_module_dsn


@pytest.mark.parametrize("second", SERVERS)
@pytest.mark.parametrize("first", SERVERS)
async def test_two_ways_are_one_set_of_rows(tables: str, first: str, second: str) -> None:
    dsn = tables
    clear(dsn)
    said = Said(NOW - MINUTE, 7)
    await file(dsn, lora_frame(first, said, rssi=-90))
    await file(dsn, lora_frame(second, said, apart=4 * SECOND, rssi=-70))
    assert filed(dsn) == {
        "battery_pct": [(said.dev_eui, said.at, 92.0)],
        "distance_mm": [(said.dev_eui, said.at, 500.0)],
        "rssi_dbm": [(said.dev_eui, said.at, -90.0)],
        "snr_db": [(said.dev_eui, said.at, 1.5)],
    }


async def test_copies_of_one_batch_are_one_set_of_rows(postgres_dsn: str) -> None:
    said = Said(NOW - MINUTE, 7)
    await file(postgres_dsn, *(lora_frame(server, said, apart=n * SECOND) for n, server in enumerate(SERVERS)))
    assert {metric: len(rows) for metric, rows in filed(postgres_dsn).items()} == dict.fromkeys(
        ("battery_pct", "distance_mm", "rssi_dbm", "snr_db"), 1
    )


@pytest.mark.parametrize(
    "again",
    [
        pytest.param({"at": NOW - 10 * MINUTE + COPIES_APART + SECOND}, id="the same words after the window"),
        pytest.param({"distance_mm": 501}, id="other words at the same time"),
        pytest.param({"dev_addr": "0a0b0c0d"}, id="the same words of the next session"),
        pytest.param({"dev_eui": "24e124713d000002"}, id="another device"),
        pytest.param({"f_cnt": 1}, id="the next counter"),
    ],
)
async def test_a_new_message_is_not_swallowed(postgres_dsn: str, again: dict[str, object]) -> None:
    fields = {"at": NOW - 10 * MINUTE, "f_cnt": 0} | again
    first, second = Said(NOW - 10 * MINUTE, 0), Said(**fields)  # type: ignore[arg-type]
    await file(postgres_dsn, lora_frame("chirpstack", first))
    await file(postgres_dsn, lora_frame("chirpstack", second, apart=SECOND))
    assert len(filed(postgres_dsn)["distance_mm"]) == 2


async def test_a_device_that_starts_again_all_day_loses_nothing(postgres_dsn: str) -> None:
    """An ABP device without a memory for its counter says number 0 after each start, and always the same."""
    starts = [Said(NOW - n * 10 * MINUTE, 0) for n in range(50)]
    frames = [lora_frame(server, said, apart=n * SECOND) for said in starts for n, server in enumerate(TELLING)]
    random.Random(1).shuffle(frames)
    await file(postgres_dsn, *frames, chunk=20)
    assert len(filed(postgres_dsn)["distance_mm"]) == 50


async def test_what_servers_say_beside_the_bytes_is_filed_once(postgres_dsn: str) -> None:
    """The battery by the network's own query, which differs from copy to copy."""

    def plain(server: str, apart: int) -> Frame:
        item = lora_frame(server, Said(NOW - MINUTE, 7), apart=apart)
        payload = item.payload.replace(b"01755C0382F401", b"0382F401")  # the device says nothing of its battery
        return Frame(item.adapter, item.source, item.channel, payload, NOW)

    await file(postgres_dsn, plain("loriot rx", 0))
    await file(postgres_dsn, plain("loriot gw", SECOND))
    assert [value for _, _, value in filed(postgres_dsn)["battery_pct"]] == [39.4]


async def test_two_sensors_of_one_device_are_two(postgres_dsn: str) -> None:
    """A toilet has a sensor at each door; LORIOT does not tell their addresses."""
    sensors = ("24e124713d000001", "24e124713d000002")
    store = make_store(postgres_dsn)
    await store.open()
    await enter(
        postgres_dsn, [DeviceSpec("toilet-7", "toilet", identities=tuple(Identity("dev_eui", one) for one in sensors))]
    )
    frames = [lora_frame("loriot rx", Said(NOW - n * SECOND, 7, dev_eui=one)) for n, one in enumerate(sensors)]
    await ingest(store, lora_assembler(store), frames)
    await store.close()
    assert filed(postgres_dsn)["distance_mm"] == [("toilet-7", NOW - SECOND, 500.0), ("toilet-7", NOW, 500.0)]


async def test_messages_without_a_time_are_told_by_their_reception(postgres_dsn: str) -> None:
    said = Said(NOW, 3)

    def frame(heard: int) -> Frame:
        item = lora_frame("tts", said, heard=heard)
        payload = item.payload.replace(b"received_at", b"received_by")
        return Frame(item.adapter, item.source, item.channel, payload, heard)

    await file(postgres_dsn, frame(NOW), frame(NOW + 2 * SECOND))
    await file(postgres_dsn, frame(NOW + 3 * SECOND), frame(NOW + 10 * MINUTE))
    assert [at for _, at, _ in filed(postgres_dsn)["distance_mm"]] == [NOW, NOW + 10 * MINUTE]


def test_what_is_forgotten_is_the_old(postgres_dsn: str) -> None:
    async def work() -> None:
        old, new = Said(NOW - 40 * 1_440 * MINUTE, 1), Said(NOW - MINUTE, 2)
        await file(postgres_dsn, lora_frame("loriot rx", old), lora_frame("loriot rx", new))
        store = make_store(postgres_dsn)
        await store.maintain(Keeping())
        await store.close()
        await file(
            postgres_dsn,
            lora_frame("loriot gw", old, apart=2 * SECOND),
            lora_frame("loriot gw", new, apart=2 * SECOND),
        )

    asyncio.run(work())
    assert len(filed(postgres_dsn)["distance_mm"]) == 3


async def test_letters_that_are_replayed_are_one_set_of_rows_too(postgres_dsn: str) -> None:
    """Both copies came before anybody had said what the device is."""
    said = Said(NOW - MINUTE, 7)
    store = make_store(postgres_dsn)
    frames = [lora_frame("loriot rx", said), lora_frame("loriot gw", said, apart=3 * SECOND, rssi=-80)]
    await ingest(store, lora_assembler(store, models={}), frames)
    assert [code for code, _ in dead_letters(postgres_dsn)] == ["invalid", "invalid"]
    assert "set the attribute model or codec" in dead_letters(postgres_dsn)[0][1]
    assert {metric: len(rows) for metric, rows in filed(postgres_dsn).items()} == {"rssi_dbm": 1, "snr_db": 1}
    desk = DeadLetterDesk(postgres_dsn, store)
    replayer = Replayer(desk, store, Registry(), decoders(), IntakeRules())
    while await replayer.step():
        pass
    await desk.close()
    await store.close()
    assert replayer.tally.closed == 2
    assert filed(postgres_dsn)["distance_mm"] == [(said.dev_eui, said.at, 500.0)]
    assert {metric: len(rows) for metric, rows in filed(postgres_dsn).items()} == dict.fromkeys(
        ("battery_pct", "distance_mm", "rssi_dbm", "snr_db"), 1
    )


SAID = st.builds(
    Said,
    at=st.integers(0, 5).map(lambda slot: NOW - (slot + 1) * 5 * MINUTE),
    f_cnt=st.integers(0, 2),
    distance_mm=st.sampled_from([500, 501]),
    dev_eui=st.sampled_from(["24e124713d000001", "24e124713d000002"]),
    dev_addr=st.sampled_from(["01020304", "0a0b0c0d"]),
)
COPY = st.tuples(st.sampled_from(TELLING), st.integers(-14, 14), st.integers(-120, -30))
UNTOLD = st.tuples(st.sampled_from(list(SERVERS)), st.integers(-14, 14), st.integers(-120, -30))
"""Copies lie at most 28 s apart; what is said again lies minutes away."""


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Said, list[tuple[str, int, int]]]]:
    """Distinct messages with their copies. Two sessions in one span only where every copy tells its own."""
    told = draw(st.booleans())
    words = (lambda s: s) if told else (lambda s: (s.at, s.f_cnt, s.distance_mm, s.dev_eui))
    messages = draw(st.lists(SAID, min_size=1, max_size=8, unique_by=words))
    apart = [structs.replace(said, at=said.at + number * 7_000) for number, said in enumerate(messages)]  # one radio
    return [(said, draw(st.lists(COPY if told else UNTOLD, min_size=1, max_size=4))) for said in apart]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), data=st.data())
def test_order_repetition_ways_and_batches_change_nothing(
    tables: str, history: list[tuple[Said, list[tuple[str, int, int]]]], data: st.DataObject
) -> None:
    """Each message is one set of rows, within the times of its copies, however its copies come."""
    dsn = tables
    frames = [
        lora_frame(server, said, apart=apart * SECOND, rssi=rssi)
        for said, copies in history
        for server, apart, rssi in copies
    ]
    frames = data.draw(st.permutations(frames + data.draw(st.lists(st.sampled_from(frames), max_size=6))))
    cut = data.draw(st.integers(0, len(frames)))

    clear(dsn)

    async def work() -> None:
        await file(dsn, *frames[:cut], chunk=data.draw(st.integers(1, 6)))
        await file(dsn, *frames[cut:], chunk=data.draw(st.integers(1, 6)))

    asyncio.run(work())
    readings = filed(dsn)
    for metric in ("distance_mm", "battery_pct", "rssi_dbm", "snr_db"):
        assert len(readings[metric]) == len(history), metric
    values = Counter((device, value) for device, _, value in readings["distance_mm"])
    assert values == Counter((said.dev_eui, float(said.distance_mm)) for said, _ in history)
    for device, at, _ in readings["distance_mm"]:
        assert any(
            said.dev_eui == device and any(said.at + apart * SECOND == at for _, apart, _ in copies)
            for said, copies in history
        )
    assert not dead_letters(dsn)
