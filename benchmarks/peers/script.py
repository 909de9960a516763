"""What many write in an afternoon: aiomqtt, a list, executemany and a commit for each 500 messages or each second.

aiomqtt acknowledges a message when it has come in, which is before the commit: what waits in the list is lost with the
process. The session is a persistent one, so that the broker keeps what comes while the script is away.

    python benchmarks/peers/script.py HOST PORT DSN
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiomqtt
import psycopg

TOPIC = "sanihub/v1/+/telemetry"
BATCH = 500
LONGEST_S = 1.0
READING = "INSERT INTO readings (device, metric, observed_at, value) VALUES (%s, %s, %s, %s)"
FIX = "INSERT INTO fixes (device, observed_at, lat, lon, speed_kmh, heading_deg) VALUES (%s, %s, %s, %s, %s, %s)"


class Writer:
    """Gathers messages and writes them."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._batch: list[aiomqtt.Message] = []
        self._writing = asyncio.Lock()

    async def take(self, message: aiomqtt.Message) -> None:
        """One message more."""
        self._batch.append(message)
        if len(self._batch) >= BATCH:
            await self.write()

    async def each_second(self) -> None:
        """Write what is there, however little."""
        while True:
            await asyncio.sleep(LONGEST_S)
            await self.write()

    async def write(self) -> None:
        """All rows of the batch in one transaction."""
        async with self._writing:
            batch, self._batch = self._batch, []
            if not batch:
                return
            readings, fixes = rows_of(batch)
            async with self._connection.cursor() as cursor:
                await cursor.executemany(READING, readings)
                await cursor.executemany(FIX, fixes)
            await self._connection.commit()


def rows_of(batch: list[aiomqtt.Message]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The readings and the fixes of messages."""
    readings: list[tuple[Any, ...]] = []
    fixes: list[tuple[Any, ...]] = []
    for message in batch:
        device = message.topic.value.split("/")[2]
        body = json.loads(message.payload)
        readings += [(device, metric, body["ts"], value) for metric, value in body["readings"].items()]
        if fix := body.get("fix"):
            fixes.append((device, body["ts"], fix["lat"], fix["lon"], fix.get("speed_kmh"), fix.get("heading_deg")))
    return readings, fixes


async def main(host: str, port: int, dsn: str) -> None:
    """Subscribe and write, for ever."""
    writer = Writer(await psycopg.AsyncConnection.connect(dsn))
    async with (
        aiomqtt.Client(host, port, identifier="script", clean_session=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        await client.subscribe(TOPIC, qos=1)
        tasks.create_task(writer.each_second())
        async for message in client.messages:
            await writer.take(message)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
