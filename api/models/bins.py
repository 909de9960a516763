"""Bodies of bins: emptyings, readiness, forecasts. Levels are percent."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant
from api.models.telemetry import PageOf


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class EmptyingBody(_Body):
    """A bin was emptied. All instants but `found_at` and `revised_at` are the bin's time."""

    bin: str = Field(examples=["bin-0042"])
    at: Instant = Field(description="By the best witness; without one, the first low reading.")
    since: Instant = Field(description="It happened after this: the last high reading.")
    until: Instant = Field(description="It had happened by then: the first low reading.")
    before_pct: float | None = Field(examples=[86.0])
    after_pct: float | None = Field(examples=[3.5])
    vehicle: str | None = Field(description="Which stood or lifted beside it.", examples=["vehicle-0003"])
    proof: Literal["device", "lift", "dwell", "fill"] = Field(
        description="The strongest there is: the bin's own word, a truck's lift or dwell beside it, the fill alone."
    )
    partial: bool = Field(description="More was left than an emptied bin holds.")
    found_at: Instant = Field(description="When the hub found it.")
    revised_at: Instant | None = Field(description="When late data changed it last.")
    retracted: bool = Field(description="The repaired history no longer shows it.")


class ForecastBody(_Body):
    """How full a bin will be. Eight times of ten it lies from `low_pct` to `high_pct`."""

    bin: str = Field(examples=["bin-0042"])
    since: Instant = Field(description="Of the level that it starts from.")
    at: Instant
    level_pct: float = Field(description="The level that it starts from.", examples=[61.0])
    expected_pct: float = Field(examples=[83.4])
    median_pct: float = Field(examples=[84.0])
    low_pct: float = Field(examples=[74.0])
    high_pct: float = Field(examples=[93.0])
    overflow_chance: float = Field(description="Of reaching 95 % at any time until then.", ge=0, le=1, examples=[0.07])
    reaches: dict[str, Instant | None] = Field(
        description="When it is at 75, 85 and 95 % if nobody comes; null: not within a fortnight.",
        examples=[{"75": "2026-11-24T09:10:00Z", "85": "2026-11-24T13:40:00Z", "95": None}],
    )


class ReadinessBody(_Body):
    """Whether a bin is to be emptied, and why."""

    bin: str = Field(examples=["bin-0042"])
    at: Instant
    state: Literal["READY", "NOT_READY", "NO_DATA"]
    reason: Literal["FULLNESS", "AGE", "ALERT"] | None = Field(description="The strongest of `reasons`.")
    reasons: list[Literal["FULLNESS", "AGE", "ALERT"]]
    level_pct: float | None = Field(examples=[88.0])
    level_at: Instant | None
    days_since_emptied: float | None = Field(examples=[1.4])
    due_at: Instant | None = Field(description="When it is at its collecting threshold if nobody comes.")
    overflow_at: Instant | None = Field(description="When it is at its overflowing threshold if nobody comes.")
    by_visit: ForecastBody | None = Field(description="At `next_visit`, where that was asked for.")
    alerts: list[str] = Field(description="Open alerts that ask for it.", examples=[["smoke"]])


class ReadinessListBody(PageOf[ReadinessBody]):
    """A page of bins in service, by id."""

    as_of: Instant
