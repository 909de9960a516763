"""Bodies of collection planning and work orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant, InstantQuery

_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Reason = Literal["FULLNESS", "AGE", "ALERT"]
Source = Literal["measured", "forecast", "age"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PlaceForm(_Form):
    """A depot or a tip, WGS-84."""

    id: _Id = Field(examples=["tip-north"])
    lon: float = Field(ge=-180, le=180, examples=[114.34])
    lat: float = Field(ge=-90, le=90, examples=[30.6])


class PlanningForm(_Form):
    """A collection to plan. `enter` makes work orders of it, in place of those of earlier plans for the hours."""

    on: date = Field(description="The service date.")
    begin: InstantQuery = Field(description="When the shift begins.")
    end: InstantQuery = Field(description="When all trucks are to be back.")
    depot: PlaceForm | None = Field(
        default=None, description="Without it: the depots of the master data; of several a vehicle's `depot` names one."
    )
    tips: list[PlaceForm] | None = Field(
        default=None, max_length=20, description="Without it: the tips of the master data."
    )
    vehicles: list[_Id] = Field(
        default_factory=list, max_length=200, description="Without any: all of type refuse_truck."
    )
    bins: list[_Id] = Field(default_factory=list, max_length=5_000, description="Without any: all that are due.")
    collect_pct: float = Field(default=85.0, ge=1, le=100, description="A bin that is expected to hold so much is due.")
    next_shift_h: float = Field(default=0.0, ge=0, le=168, description="Hours until the next shift begins.")
    capacity_l: float = Field(default=8_000.0, gt=0, le=1e6, description="Of vehicles that do not say.")
    compaction: float = Field(default=3.0, gt=0, le=20, description="Of vehicles that do not say.")
    tip_s: float = Field(default=600.0, ge=0, le=86_400)
    streets: dict[str, Any] | None = Field(
        default=None, description="A GeoJSON FeatureCollection of lines; without it ways lead along a grid."
    )
    expect: Literal["forecast", "measured"] = Field(
        default="forecast", description="Go by the fill model's forecast, or by nothing but last readings and rates."
    )
    zone: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Time zone (IANA) of the date and the shift; without it the hub's.",
        examples=["Asia/Shanghai"],
    )
    enter: bool = Field(default=False, description="Enter work orders, and routes and plans of the master data.")


class VisitBody(_Body):
    """A step of a tour. `along_m` was driven by then, `litres` and `kg` are aboard when it leaves."""

    kind: str = Field(description="start, bin, tip, break or end.", examples=["bin"])
    place: str = Field(examples=["bin-0042"])
    lon: float
    lat: float
    arrive: Instant
    begin: Instant
    leave: Instant
    litres: float
    kg: float
    along_m: float
    reason: Reason | None
    source: Source | None = Field(
        description="What its expected fill rests on: a forecast, its last reading and rate, or nothing but its age."
    )


class TourBody(_Body):
    """What one vehicle is to do."""

    truck: str = Field(examples=["vehicle-0007"])
    distance_m: float
    driving_s: float
    visits: list[VisitBody]


class UnservedBody(_Body):
    """A bin that is left standing, and why."""

    bin: str = Field(examples=["bin-0099"])
    code: str = Field(description="too_large, skills, window, unreachable, capacity or time.", examples=["time"])
    why: str
    source: Source | None


class CollectionPlanBody(_Body):
    """A plan."""

    on: date
    method: str = Field(examples=["planned"])
    distance_m: float
    served: int
    tours: list[TourBody]
    unserved: list[UnservedBody]


class PlanningJobBody(_Body):
    """A planning that was asked for; `plan` is there once its state is done."""

    id: str = Field(examples=["5f0c1d2e3a4b5c6d"])
    state: str = Field(description="waiting, running, done or failed.", examples=["running"])
    asked_at: Instant
    asked_by: str = Field(examples=["key:k3xo2c7q5a"])
    run: str | None = Field(description="The plan's name.", examples=["collection-2026-11-25-0a1b2c3d4e5f"])
    entered: bool = Field(description="Its work orders are entered.")
    cancelled: int = Field(description="Orders of earlier plans whose place it took.")
    chosen_from: int = Field(description="Bins that are known.")
    nowhere: list[str] = Field(description="Bins whose place nobody knows: they cannot be planned.")
    fault: str | None
    plan: CollectionPlanBody | None


class StopAuditBody(_Body):
    """A planned stop and its fate."""

    bin: str = Field(examples=["bin-0042"])
    truck: str = Field(examples=["vehicle-0007"])
    planned: Instant
    fate: Literal["served", "served_by_other", "missed", "no_data"]
    at: Instant | None
    by: str | None = Field(description="Who emptied it.", examples=["vehicle-0007"])
    late_s: float | None = Field(description="After its time; negative before it.", examples=[120.0])


class TourAuditBody(_Body):
    """One vehicle's tour: planned against driven."""

    truck: str = Field(examples=["vehicle-0007"])
    planned_m: float = Field(examples=[18_400.0])
    driven_m: float | None = Field(description="Null where it was not judged.", examples=[19_050.0])
    planned_out: Instant
    planned_back: Instant
    out: Instant | None = Field(description="When it left the depot.")
    back: Instant | None
    bins: int = Field(description="Planned; the next four add up to it.", examples=[44])
    served: int = Field(examples=[41])
    served_by_other: int = Field(examples=[1])
    missed: int = Field(examples=[1])
    no_data: int = Field(description="Nobody knows; not missed.", examples=[1])
    order_kept: float | None = Field(description="Share of served stops that follow their predecessors.")
    late_s: float | None = Field(description="Median of its served stops.")
    completeness: float | None = Field(description="Share of the shift that its positions tell of.")


class PlanAuditBody(_Body):
    """All tours together. Shares are of the stops that there is data about; null without any."""

    tours: list[TourAuditBody]
    stops: list[StopAuditBody]
    unplanned: list[str] = Field(description="Bins that were emptied in the shift and are in no tour.")
    served_share: float | None
    on_time_share: float | None = Field(description="Served within half an hour of their time.")
    late_s: float | None
    order_kept: float | None
    planned_m: float = Field(description="Of the vehicles that were judged.")
    driven_m: float = Field(description="Of the same.")
    overflow_h: float | None = Field(description="Hours of the plan's bins at 95 % or more, within the shift.")


class RunAuditBody(_Body):
    """An entered plan against what was done in its shift."""

    run: str = Field(examples=["collection-2026-11-25-0a1b2c3d4e5f"])
    on: date
    begin: Instant
    end: Instant
    in_force: bool = Field(description="False: another plan has taken its place, and ways are not judged.")
    audit: PlanAuditBody
