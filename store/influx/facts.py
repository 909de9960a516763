"""What the store knows of the InfluxDB sink, for whoever looks at it without running it."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection

from store.connection import session_parameters, translated_errors

_THERE = "SELECT to_regclass('influx_marks') IS NOT NULL"
_FACTS = """
SELECT EXISTS (SELECT FROM influx_sink WHERE marks_until > now()),
       (SELECT coalesce(sum(records), 0)::bigint FROM influx_marks),
       (SELECT coalesce(extract(epoch FROM now() - min(made_at)), 0)::float8 FROM influx_marks),
       (SELECT count(*) FROM influx_refused)
"""


class InfluxFacts(msgspec.Struct, frozen=True):
    """Whether marks are made, records that wait, the age of the oldest in seconds, and values that were refused."""

    marking: bool
    waiting: int
    age_s: float
    refused: int


async def influx_facts_of(dsn: str) -> InfluxFacts | None:
    """The facts; None before the tables are made. Raises TransientError."""
    with translated_errors():
        connection = await AsyncConnection.connect(**session_parameters(dsn), autocommit=True)  # type: ignore[arg-type]
        async with connection:
            there = await (await connection.execute(_THERE)).fetchone()
            if there is None or not there[0]:
                return None
            row = await (await connection.execute(_FACTS)).fetchone()
    return None if row is None else InfluxFacts(*row)
