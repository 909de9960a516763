"""What the bench of a year is asked to make, and what it measures in each kind of store."""

from __future__ import annotations

import msgspec

from store.benches.columnstore import Conversion
from store.benches.year import YearFacts


class Plan(msgspec.Struct, frozen=True):
    """How many devices, how many days, how often each series is read, and after how many days readings go.

    ``month_days`` is the length of the month that is read, ``partition_days`` the width of partitions and chunks. The
    days are two such months or more, and more than retention leaves.
    """

    bins: int = 40
    vehicles: int = 20
    toilets: int = 1
    days: int = 365
    times: int = 21
    retention_days: int = 90
    month_days: int = 30
    partition_days: int = 7


class Series(msgspec.Struct):
    """A month of one metric by hours: readings in it, buckets given, medians of the times of both ways."""

    every: str
    readings: int
    buckets: int
    sums_ms: float
    readings_ms: float

    @property
    def ratio(self) -> float:
        """How often faster the sums are."""
        return self.readings_ms / self.sums_ms


class Retention(msgspec.Struct):
    """What retention left; ``young`` readings are younger than its limit, and none of them may go."""

    days: int
    partitions: int  #: or chunks
    rows_before: int
    rows_after: int
    young_before: int
    young_after: int
    oldest_days: float  #: age of the oldest that is left
    sums_same: bool
    old_month_buckets: int  #: of a month whose readings are gone, by hours


class Measured(msgspec.Struct, kw_only=True):
    """What a run measured in one database."""

    year: YearFacts
    fill_s: float
    sum_up_s: float
    series: list[Series]
    retention: Retention


class Timescale(Measured, kw_only=True):
    """The same in hypertables: ``year`` as rows, ``series`` and ``retention`` after the conversion."""

    version: str
    conversion: Conversion


class Figures(Measured, kw_only=True):
    """What a run measured: in plain mode, and in TimescaleDB where a server was named."""

    plan: Plan
    machine: dict[str, str]
    timescale: Timescale | None = None
