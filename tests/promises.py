"""What the store promises in every mode. The tests of each mode call these with a database and the mode's name."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from hypothesis import strategies as st

from devices.vocabulary import Written
from tests.intake import NOW, clear, contents, dead_letters, frame, ingest, make_assembler, make_store

MINUTE = 60_000_000

MESSAGE = st.fixed_dictionaries(
    {"ts": st.integers(0, 12).map(lambda n: (NOW - n * MINUTE) // 1000)},
    optional={
        "seq": st.integers(0, 3),
        "readings": st.dictionaries(
            st.sampled_from(["fill_pct", "battery_v"]), st.integers(0, 3).map(float), min_size=1
        ),
        "fix": st.fixed_dictionaries(
            {"lat": st.integers(30, 31), "lon": st.just(114.0)},
            optional={"speed_kmh": st.integers(0, 2), "valid": st.booleans()},
        ),
        "events": st.lists(
            st.fixed_dictionaries({"kind": st.sampled_from(["emptied", "sos"]), "attributes": st.just({"by": 1})}),
            max_size=2,
        ),
    },
).filter(lambda m: m.get("readings") or m.get("fix") or m.get("events"))


def numbered(history: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """A device numbers its messages: one position at one instant, however it is written, has one number."""
    numbers: dict[Any, int | None] = {}
    found = []
    for device, message in history:
        fix = message.get("fix") and {"valid": True} | message["fix"]
        content = (device, message["ts"], fix and tuple(sorted(fix.items())))
        seq = numbers.setdefault(content, message.get("seq"))
        rest = {name: value for name, value in message.items() if name != "seq"}
        found.append((device, rest if seq is None else rest | {"seq": seq}))
    return found


HISTORY = st.lists(st.tuples(st.sampled_from(["bin-1", "truck-1"]), MESSAGE), min_size=1, max_size=25).map(numbered)


def order_repetition_and_batches_change_nothing(
    dsn: str, mode: str, history: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    """Shuffled, doubled, redelivered and cut into other batches, the same history ends in the same tables."""
    frames = [frame(message, device) for device, message in history]
    again = data.draw(st.lists(st.sampled_from(frames), max_size=10))
    other = data.draw(st.permutations(frames + again))
    chunk = data.draw(st.integers(1, 10))
    marked = [
        frame(f.payload, f.channel.split("/")[2], redelivered=data.draw(st.booleans(), label="dup")) for f in other
    ]

    async def both() -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        store = make_store(dsn, mode)
        clear(dsn)
        await ingest(store, make_assembler(store), frames)
        straight = contents(dsn)
        clear(dsn)
        await ingest(store, make_assembler(store), marked, chunk)
        shuffled = contents(dsn)
        await store.close()
        return straight, shuffled

    straight, shuffled = asyncio.run(both())
    assert shuffled == straight
    assert dead_letters(dsn) == []


async def latest_never_moves_backwards(dsn: str, mode: str) -> None:
    clear(dsn)
    store = make_store(dsn, mode)
    assembler = make_assembler(store)
    minutes = list(range(60))
    random.Random(4).shuffle(minutes)
    for count, minute in enumerate(minutes, 1):
        fix = {"lat": 30 + minute / 1000, "lon": 114}
        await ingest(
            store, assembler, [frame({"ts": NOW - minute * MINUTE, "readings": {"fill_pct": minute}, "fix": fix})]
        )
        (latest,) = contents(dsn)["latest"]
        (state,) = contents(dsn)["state"]
        newest = min(minutes[:count])
        assert latest[3] == newest
        assert state[2] == 30 + newest / 1000
    await store.close()


async def a_row_that_is_there_already_is_counted_and_the_rest_of_its_batch_is_kept(dsn: str, mode: str) -> None:
    """Nothing marks the batch as redelivered: COPY fails on the row, and the batch is written the staging way."""
    clear(dsn)
    store = make_store(dsn, mode)
    assembler = make_assembler(store)

    async def written(minutes: range) -> Written:
        record = {"readings": {"fill_pct": 1}, "fix": {"lat": 30, "lon": 114}, "events": [{"kind": "emptied"}]}
        claims = [assembler.decode(frame({"ts": NOW - minute * MINUTE} | record)) for minute in minutes]
        batch = await assembler.assemble(claims)
        assert not batch.expect_duplicates
        return await store.write(batch)

    assert await written(range(10)) == Written(30, 0)
    assert await written(range(10)) == Written(0, 30)
    assert await written(range(5, 15)) == Written(15, 15)
    assert await written(range(15, 16)) == Written(3, 0)
    assert [len(contents(dsn)[table]) for table in ("readings", "fixes", "events")] == [16, 16, 16]
    await store.close()
