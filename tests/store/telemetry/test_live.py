"""Notes of what was committed fit into a notification, and say again what they were made of."""

from __future__ import annotations

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from devices.live import Note
from store.telemetry.live import notes_of, read_note

LARGEST = 2**31 - 1
LIMIT = 8_000  #: bytes, PostgreSQL's


@given(st.sets(st.integers(1, LARGEST), max_size=2_000))
def test_keys_come_back_and_every_note_fits(keys: set[int]) -> None:
    notes = notes_of(keys)
    assert [key for note in notes for key in read_note(note).devices] == sorted(keys)
    assert all(len(note) < LIMIT for note in notes)


def test_the_longest_notes_fit() -> None:
    assert all(len(note) < LIMIT for note in notes_of(range(LARGEST - 5_000, LARGEST)))


def test_other_notes() -> None:
    assert read_note("a7,9") == Note(alerts=(7, 9))
    assert read_note("i3,12") == Note(incidents=(3, 12))
    assert read_note('o["order, one", "盖"]') == Note(orders=("order, one", "盖"))
    assert read_note("x1") == Note()  # of a later version


async def test_the_server_takes_the_longest_note(postgres_dsn: str) -> None:
    longest = max(notes_of(range(LARGEST - 5_000, LARGEST)), key=len)
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await connection.execute("LISTEN sanihub_live")
        await connection.execute("SELECT pg_notify('sanihub_live', %s)", (longest,))
        async for note in connection.notifies(timeout=30, stop_after=1):
            assert note.payload == longest
