"""The judgement of plans that reports use."""

from __future__ import annotations

from collections.abc import Callable

from fleet.master.route import Route
from fleet.reports.kind import OrderError
from fleet.reports.ports import Judge

MetricsOf = Callable[[Route], tuple[str, ...]]

_KNOWN: list[tuple[Judge, MetricsOf]] = []


def connect(judge: Judge, metrics: MetricsOf) -> None:
    """Say how plans are judged, and which metrics a judgement asks for."""
    _KNOWN[:] = [(judge, metrics)]


def judgement() -> tuple[Judge, MetricsOf]:
    """How plans are judged. Raises OrderError where nobody has said it."""
    if not _KNOWN:
        raise OrderError("kind: plans cannot be judged in this hub")
    return _KNOWN[0]
