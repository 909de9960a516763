"""Toilets out of the store: readings and events over the span."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.kind import no_such
from fleet.reports.kinds.toilet_service import ToiletPiece
from fleet.reports.revision import Order
from fleet.toilets.service import METRICS
from store.readers.driven import TIMEOUT_S, DrivenReads
from store.reading import Pool, ReadSession
from store.reports.subjects import ReportSubjects, Subject


class Toilets:
    """Attributes of the device say its class (``odour_class``) and how many ``stalls`` it has."""

    def __init__(self, pool: Pool) -> None:
        session = ReadSession(pool, statement_timeout_s=TIMEOUT_S)
        self._driven = DrivenReads(session)
        self._subjects = ReportSubjects(session)

    async def keys(self, order: Order) -> Sequence[Subject]:
        """The toilets."""
        wanted = order.subject.get("toilet")
        found = await self._subjects.of_kind("toilet", wanted)
        if wanted and not found:
            raise no_such("toilet", wanted, (one.id for one in await self._subjects.of_kind("toilet")))
        return found

    async def piece(self, order: Order, key: Subject) -> ToiletPiece:
        """What a toilet said."""
        driven = await self._driven.driven(key.id, start=order.start, end=order.end, metrics=METRICS)
        stalls = key.attributes.get("stalls")
        return ToiletPiece(
            driven,
            key.name,
            str(key.attributes.get("odour_class", "2")),
            stalls if isinstance(stalls, int) and stalls > 0 else None,
            key.place,
        )


SOURCES = {"toilet_service": Toilets}
