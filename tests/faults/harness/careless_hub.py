"""A hub that acknowledges before it commits: what the checker must notice. Run by its path, with the hub's arguments.

Everything is the real hub, but that each delivery is settled when its frame is offered, and that commits are slow, so
that there is always something acknowledged and not committed.
"""

from __future__ import annotations

import asyncio

from devices.vocabulary import Batch, Delivery, Frame, Outcome, Written
from hub.cli import main
from ingest.pipeline import Pipeline
from store.writer import PostgresStore

SLOW_S = 0.1


class _Settled:
    """A delivery of which the peer has heard already."""

    def settle(self, outcome: Outcome) -> None:
        """Nothing more is said."""


def _careless() -> None:
    offer, write = Pipeline.offer, PostgresStore.write

    def offer_early(self: Pipeline, frame: Frame, delivery: Delivery) -> None:
        delivery.settle(Outcome.COMMITTED)
        offer(self, frame, _Settled())

    async def write_slowly(self: PostgresStore, batch: Batch, *also: object) -> Written:
        await asyncio.sleep(SLOW_S)
        return await write(self, batch, *also)  # type: ignore[arg-type]

    Pipeline.offer = offer_early  # type: ignore[method-assign]
    PostgresStore.write = write_slowly  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    _careless()
    main()
