"""Where pieces of reports come from: one source for each kind, found by itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from fleet.reports.ports import ReportSource
from store.reading import Pool

MakeSource = Callable[[Pool], ReportSource]


@cache
def sources() -> Mapping[str, MakeSource]:
    """How the source of each kind is made, by the kind's name. A module of ``sources`` says it as ``SOURCES``."""
    package = import_module("hub.reporting.sources")
    found: dict[str, MakeSource] = {}
    for module in pkgutil.iter_modules(package.__path__):
        found |= getattr(import_module(f"hub.reporting.sources.{module.name}"), "SOURCES", {})
    return found
