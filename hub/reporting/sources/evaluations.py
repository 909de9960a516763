"""Evaluations of workers and crews, made anew from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.evaluation.result import Evaluation, SubjectKind
from fleet.reports.kind import OrderError
from fleet.reports.revision import Order
from hub.fleet.evaluating import Evaluating
from hub.reporting.sources.plans import Rounds
from store.reading import Pool

SCHEME = "weighted"  #: where none is asked for


class Judged(NamedTuple):
    """Who is evaluated."""

    kind: SubjectKind
    id: str


class Evaluations:
    """Every active worker, or the one, or the crew that is asked for; by the scheme that was in force then."""

    def __init__(self, pool: Pool) -> None:
        self._evaluating = Evaluating(pool, judge=Rounds(pool))

    async def keys(self, order: Order) -> Sequence[Judged]:
        """The workers, or the crew."""
        crew, worker = order.subject.get("crew"), order.subject.get("worker")
        if crew and worker:
            raise OrderError("worker: expected a worker or a crew, not both")
        if crew:
            return [Judged("crew", crew)]
        return [Judged("worker", one) for one in ([worker] if worker else await self._evaluating.workers())]

    async def piece(self, order: Order, key: Judged) -> Evaluation:
        """An evaluation."""
        name = order.subject.get("scheme", SCHEME)
        scheme = await self._evaluating.scheme(name, order.start)
        if scheme is None:
            raise OrderError(f"scheme: there is no scheme {name!r}")
        found = await self._evaluating.evaluate(key.kind, key.id, order.start, order.end, scheme)
        if found is None:
            raise OrderError(f"{key.kind}: there is no {key.kind} {key.id!r}; `sanihub export fleet` writes all")
        return found


SOURCES = {"evaluation": Evaluations}
