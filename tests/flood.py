"""A flood of messages that can be counted: each says something that no other says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import psycopg

from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings, MqttSpeaker

DEVICES = 20
START_S = 1_750_000_000


def flood(count: int, *, ids: bool) -> Iterator[tuple[str, bytes]]:
    """`count` messages as (topic, payload); every fifth carries no time, with a message id or without.

    Message n has the reading mileage_km = n, so that each must come out exactly once.
    """
    for number in range(count):
        device = f"flood-{number % DEVICES:02d}"
        message: dict[str, object] = {"readings": {"mileage_km": number}}
        if number % 5 == 0:
            if ids:
                message["id"] = f"m{number}"
        else:
            message["ts"] = START_S + number
            message["fix"] = {"lat": 30 + number * 1e-6, "lon": 114.0}
        yield f"sanihub/v1/{device}/telemetry", json.dumps(message).encode()


async def publish(address: tuple[str, int], messages: Iterator[tuple[str, bytes]]) -> AsyncIterator[int]:
    """Publish at QoS 1, whatever happens to the broker; yields how many are acknowledged, and ends when all are."""
    async with MqttSpeaker(BrokerAddress(*address), LinkSettings(window=2_000, in_flight=200)) as speaker:
        for topic, payload in messages:
            await speaker.publish(topic, payload)
            yield speaker.acknowledged
        await speaker.drain()
        yield speaker.acknowledged


def stored(dsn: str) -> int:
    """How many different messages of the flood are stored."""
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT count(DISTINCT value) FROM readings").fetchone()
            return row[0] if row else 0
    except psycopg.errors.UndefinedTable:
        return 0  # the hub has not yet made its tables


def lost_and_doubled(dsn: str, count: int) -> tuple[int, int]:
    """Messages of the flood that are missing, and rows that are there more than once."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(DISTINCT value), count(*) FROM readings").fetchone()
        fixes = connection.execute("SELECT count(DISTINCT (device_key, observed_at)), count(*) FROM fixes").fetchone()
        assert row is not None
        assert fixes is not None
        timed = count - (count + 4) // 5
        lost = (count - row[0]) + (timed - fixes[0])
        return lost, (row[1] - row[0]) + (fixes[1] - fixes[0])
