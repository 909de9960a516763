"""Whose turn it is to change many alerts.

A batch with a storm in it, a repair and the steward change some of the same alerts, each in an order of its own: two of
them at a time would wait for each other. What people do touches one alert and needs no turn.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncCursor

_LOCK = "SELECT pg_advisory_xact_lock(1634493812)"


async def take_turn(cursor: AsyncCursor[Any]) -> None:
    """Wait until no other transaction, of this hub or another, changes many alerts; the turn ends with this one."""
    await cursor.execute(_LOCK)
