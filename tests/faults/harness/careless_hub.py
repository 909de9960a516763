"""A hub that acknowledges before it commits: what the checker must notice. Run by its path, with the hub's arguments.

Everything is the real hub, but that each delivery is settled when its frame is offered, and that commits are slow, so
that there is always something acknowledged and not committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from devices.vocabulary import Batch, Consignment, Delivery, Frame, Outcome, Written
from hub.cli import main
from ingest.pipeline import Pipeline
from store.telemetry.writer import PostgresStore

SLOW_S = 0.1


class _Settled:
    """A delivery of which the peer has heard already."""

    def settle(self, outcome: Outcome) -> None:
        """Nothing more is said."""

    def settle_next(self, outcome: Outcome, count: int) -> None:
        """Nor of frames that came together."""


def _careless() -> None:
    offer, offer_many, write = Pipeline.offer, Pipeline.offer_many, PostgresStore.write

    def offer_early(self: Pipeline, frame: Frame, delivery: Delivery) -> None:
        delivery.settle(Outcome.COMMITTED)
        offer(self, frame, _Settled())

    def offer_many_early(self: Pipeline, frames: Sequence[Frame], consignment: Consignment) -> None:
        consignment.settle_next(Outcome.COMMITTED, len(frames))
        offer_many(self, frames, _Settled())

    async def write_slowly(self: PostgresStore, batch: Batch, *also: object) -> Written:
        await asyncio.sleep(SLOW_S)
        return await write(self, batch, *also)  # type: ignore[arg-type]

    Pipeline.offer = offer_early  # type: ignore[method-assign]
    Pipeline.offer_many = offer_many_early  # type: ignore[method-assign]
    PostgresStore.write = write_slowly  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    _careless()
    main()
