"""Making a report: piece after piece, with progress, and without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fleet.reports.document import Document
from fleet.reports.kind import OrderError, checked
from fleet.reports.revision import Order
from hub.reporting.source import sources
from store.reading import Pool

Progress = Callable[[int, int], None]
"""Told how many pieces are done, and of how many."""


async def make(order: Order, pool: Pool, progress: Progress = lambda done, whole: None) -> Document:
    """The document of an order.

    One piece is in memory at a time; what is left of it, and the document, are made in a thread. Cancelling ends it
    between two pieces. Raises OrderError and TransientError.
    """
    kind = checked(order)
    make_source = sources().get(order.kind)
    if make_source is None:
        raise OrderError(f"kind: nothing supplies {order.kind} in this hub")
    source = make_source(pool)
    keys = await source.keys(order)
    parts = []
    progress(0, len(keys))
    for done, key in enumerate(keys, start=1):
        piece = await source.piece(order, key)
        if piece is not None:
            parts.append(await asyncio.to_thread(kind.reduce, order, piece))
        progress(done, len(keys))
    if not parts:
        raise OrderError("from: there is nothing to report on in this span; choose one with data, or with plans")
    return await asyncio.to_thread(kind.build, order, parts)
