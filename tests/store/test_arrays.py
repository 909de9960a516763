"""Packed arrays, given to a server and read back."""

from __future__ import annotations

import psycopg

from devices.instants import to_datetime
from store import arrays

MAY = 1_780_000_000_000_001


def test_every_kind_of_array_arrives(postgres_dsn: str) -> None:
    words = ["plain", "", 'two "quoted" {words}, a \\ and a comma', "垃圾桶", "NULL", None]
    given = (
        arrays.integers([1, -(2**31), None]),
        arrays.bigints([2**63 - 1, None]),
        arrays.floats([0.1, -1e300, None]),
        arrays.booleans([True, False, None]),
        arrays.instants([MAY, 0, None]),
        arrays.texts(words),
        arrays.blobs([b"", b"\x00\xff\\", None]),
    )
    with psycopg.connect(postgres_dsn) as connection:
        row = connection.execute("SELECT %s, %s, %s, %s, %s, %s, %s", given).fetchone()
    assert row is not None
    assert row[0] == [1, -(2**31), None]
    assert row[1] == [2**63 - 1, None]
    assert row[2] == [0.1, -1e300, None]
    assert row[3] == [True, False, None]
    assert row[4] == [to_datetime(MAY), to_datetime(0), None]
    assert row[5] == words
    assert row[6] == [b"", b"\x00\xff\\", None]


def test_an_array_may_be_empty_and_another_of_the_same_kind(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        for values in ([], [3, 4]):
            row = connection.execute("SELECT %s::smallint[]", (arrays.integers(values),)).fetchone()
            assert row == (values,)
        assert connection.execute("SELECT %s", (arrays.texts([None]),)).fetchone() == ([None],)
