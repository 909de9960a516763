"""Keeping the rollups while the hub runs: a turn of the steward each minute."""

from __future__ import annotations

import asyncio

import structlog

from devices.errors import RejectedError, TransientError
from ingest.runner import Condition, pause, persist
from store.rollups.standing import RollupKeeper, RollupStanding
from store.telemetry.forgetting import Keeping

log = structlog.get_logger("hub.rollups")

EVERY_S = 60.0
BUDGET_S = 20.0  #: of one turn; a database with years of readings takes many
BREATH_S = 1.0  #: between turns while there is much to do


class Rolling:
    """See the module."""

    def __init__(self, keeper: RollupKeeper, keeping: Keeping) -> None:
        self._keeper, self._keeping = keeper, keeping

    @property
    def standing(self) -> RollupStanding | None:
        """How far the rollups had come at the end of the last turn; None before the first."""
        return self._keeper.standing

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until ``stop`` is set."""
        condition = Condition("rollups")
        while not stop.is_set():
            try:
                done = await persist(lambda: self._keeper.turn(self._keeping, BUDGET_S), condition, stop)
            except TransientError:  # only while stopping
                return
            except RejectedError as error:  # no sum of readings that were stored; the boards are right without
                log.warning("rollups_refused", error=str(error))
                done = True
            await pause(stop, EVERY_S if done else BREATH_S)
