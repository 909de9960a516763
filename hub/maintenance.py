"""Looking after the store while the hub runs: partitions ahead, retention behind."""

from __future__ import annotations

import asyncio

import structlog

from devices.errors import TransientError
from ingest.runner import Condition, pause
from store.telemetry.forgetting import Keeping
from store.telemetry.writer import PostgresStore

log = structlog.get_logger("hub")

MAINTAIN_S = 600.0  #: between two looks


async def maintain(store: PostgresStore, keeping: Keeping, stop: asyncio.Event) -> None:
    """Look after ``store`` until ``stop`` is set; ``keeping`` says for how long what is kept."""
    condition = Condition("maintenance")
    while not stop.is_set():
        await pause(stop, MAINTAIN_S)
        if stop.is_set():
            return
        try:
            dropped = await store.maintain(keeping)
            condition.recovered()
        except TransientError as error:
            condition.failed(error)
            continue
        if dropped:
            log.info("partitions_dropped", count=dropped)
