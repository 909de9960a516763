"""Sources of a run: a city, or plain load, as a scenario asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from simulators.city import City
from simulators.city.observation import Observation
from simulators.load import LoadFleet
from simulators.scenario import Scenario
from simulators.truth import TruthLog


class Source(Protocol):
    """A city, or anything else that reports."""

    @property
    def device_ids(self) -> tuple[str, ...]:
        """Every device."""

    def advance(self, to_us: int) -> Iterator[Observation]:
        """Let time pass up to ``to_us`` (µs) and yield the reports."""


def make_source(scenario: Scenario, seed: int, start_us: int, truth: TruthLog) -> Source:
    """The source that a scenario asks for, beginning at ``start_us`` (µs)."""
    if scenario.source == "load":
        return LoadFleet(seed, start_us, scenario.load)
    return City(seed, start_us, scenario.size, intervals=scenario.intervals, incidents=scenario.incidents, truth=truth)
