"""What a KPI is: a pure measure of a worker or crew, and for each loss what it is for.

A KPI is a file of ``fleet/kpis`` that ends with ``KPI``; schemes name it. It gives a score from 0 to 1, or None where
there is no data, and explains the whole of what is lacking by faults, each with its evidence.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.result import Evidence


class Fault(msgspec.Struct, frozen=True):
    """One loss. ``share`` is how much of the KPI's score it costs, ``points`` what it costs on a sheet of deductions.

    ``id`` names it for appeals: it stays the same when more data arrives, as far as the thing itself stays the same.
    """

    id: str
    share: float
    points: float
    evidence: Evidence


class Measure(msgspec.Struct, frozen=True):
    """``score`` is 1 less the shares of the faults, and never under 0; None: no data, and then there are no faults."""

    score: float | None = None
    faults: tuple[Fault, ...] = ()


class Kpi(msgspec.Struct, frozen=True):
    """``params`` is the class of its parameters, ``measure(params, inputs)`` gets settled inputs."""

    name: str
    title: str
    title_zh: str
    params: type[msgspec.Struct]
    measure: Callable[[Any, Inputs], Measure]


def lost(faults: Iterable[Fault]) -> Measure:
    """The measure of which there is data, with these faults; those that can cost nothing are left out."""
    kept = sorted(
        (one for one in faults if one.share > 0 or one.points > 0), key=lambda one: (one.evidence.start, one.id)
    )
    return Measure(max(0.0, 1.0 - sum(one.share for one in kept)), tuple(kept))


@cache
def kpis() -> Mapping[str, Kpi]:
    """All KPIs by name."""
    package = import_module("fleet.kpis")
    modules = (import_module(f"fleet.kpis.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {module.KPI.name: module.KPI for module in modules if hasattr(module, "KPI")}
