"""Bodies of collection planning and work orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant, InstantQuery

_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Reason = Literal["FULLNESS", "AGE", "ALERT"]


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
    depot: PlaceForm
    tips: list[PlaceForm] = Field(default_factory=list, max_length=20)
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
    enter: bool = False


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
