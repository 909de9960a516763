"""Bodies and filters of what is planned. Hours are ``HH:MM`` of the local day, past 24:00 after midnight."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.instants import DateQuery, Instant, InstantQuery
from api.params.fields import Cursor, Datum, DatumChoice, Name, Parameters
from fleet.importing.clock_words import DAYS, clock, span_words
from fleet.master.plan import Shift

MOST_DAYS = 366
Withdrawn = Annotated[Instant | None, Field(description="From when on it counts no more, where that is known.")]


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class VersionedQuery(Parameters):
    """Which routes or areas, in which form."""

    at: Annotated[InstantQuery | None, Field(default=None, description="As in force at this instant. Default: now.")]
    datum: DatumChoice
    cursor: Cursor
    limit: Annotated[int, Field(default=200, ge=1, le=1000)]


class PlainVersionsQuery(Parameters):
    """In which form."""

    datum: DatumChoice


class ListQuery(Parameters):
    """Pages of a list."""

    cursor: Cursor
    limit: Annotated[int, Field(default=200, ge=1, le=1000)]


class WorkersQuery(ListQuery):
    """Filters of the list of workers."""

    crew: Annotated[Name | None, Field(default=None, description="Only the people of this crew.")]


class PlansQuery(ListQuery):
    """Filters of the list of plans. The dates are those on which the shifts begin."""

    from_: Annotated[DateQuery, Field(alias="from", description="First service date.", examples=["2026-11-24"])]
    to: Annotated[DateQuery | None, Field(default=None, description="Last one, included. Default: the first.")]
    vehicle: Annotated[Name | None, Field(default=None, description="Id of the vehicle.")]
    worker: Annotated[Name | None, Field(default=None, description="Id of the worker; with the plans of their crew.")]
    route: Annotated[Name | None, Field(default=None, description="Id of the route.")]


class EnterQuery(Parameters):
    """What is said about master data that is entered."""

    valid_from: Annotated[
        InstantQuery | None,
        Field(default=None, description="When changed routes and areas begin to count. Default: now."),
    ]
    datum: Annotated[
        Datum | None, Field(default=None, description="Datum of the positions, where the file does not say it.")
    ]


class WithdrawQuery(Parameters):
    """From when on something is withdrawn."""

    from_: Annotated[
        InstantQuery | None,
        Field(
            alias="from",
            default=None,
            description="From this instant on; a plan as a whole. Default: now.",
        ),
    ]


class WithdrawnBody(BaseModel):
    """What was withdrawn."""

    section: str = Field(examples=["routes"])
    id: str = Field(examples=["route-0042"])
    changed: bool = Field(description="False: it had ended by then already, and stays as it was.")


class CameBody(_Body):
    """What became of the items of a section."""

    created: list[str] = Field(description="Ids that were new.", examples=[["route-0042"]])
    changed: list[str] = Field(description="Ids that were there; of routes and areas, these have a new version.")
    unchanged: int = Field(description="How many were as given already.")


class EnteredBody(BaseModel):
    """What became of what was entered, by section."""

    sections: dict[str, CameBody]
    notes: list[str] = Field(description="What a person should know: a datum that was converted, what was left out.")


class MasterPlaceBody(_Body):
    """A place where vehicles have business besides their routes: a circle, WGS-84."""

    id: str = Field(examples=["tip-1"])
    role: str = Field(description="depot, tip, fuel, water, rest or station.", examples=["tip"])
    lon: float
    lat: float
    radius_m: float
    name: str = Field(examples=["Transfer station"])
    name_zh: str = Field(examples=["垃圾转运站"])
    withdrawn: Withdrawn


class CrewBody(_Body):
    """People who work together."""

    id: str = Field(examples=["crew-01"])
    name: str
    name_zh: str = Field(examples=["1班"])
    supervisor: str | None = Field(description="Id of the worker who leads it.")
    area: str | None
    withdrawn: Withdrawn


class WorkerBody(_Body):
    """A person."""

    id: str = Field(examples=["worker-0001"])
    name: str = Field(examples=["张伟"])
    role: str = Field(description="cleaner, driver, loader, inspector or supervisor.", examples=["cleaner"])
    device: str | None = Field(description="Id of the badge or phone.")
    crew: str | None = Field(examples=["crew-01"])
    active: bool
    withdrawn: Withdrawn


class ShiftBody(BaseModel):
    """Hours of duty, by the clock on the wall of `zone`; `length_min` is elapsed time."""

    id: str = Field(examples=["night"])
    start: str = Field(examples=["21:00"])
    length_min: int = Field(examples=[480])
    zone: str = Field(examples=["Asia/Shanghai"])
    weekdays: list[str] = Field(description="On which it begins.", examples=[["mon", "tue"]])
    breaks: list[str] = Field(description="From the beginning of the shift.", examples=[["04:00-04:30"]])
    name: str
    name_zh: str = Field(examples=["夜班"])
    withdrawn: Withdrawn

    @classmethod
    def of(cls, shift: Shift) -> ShiftBody:
        """As people read it."""
        return cls(
            id=shift.id,
            start=clock(shift.start),
            length_min=shift.length,
            zone=shift.zone,
            weekdays=[DAYS[day] for day in shift.weekdays],
            breaks=[span_words(start, start + length) for start, length in shift.breaks],
            name=shift.name,
            name_zh=shift.name_zh,
            withdrawn=shift.withdrawn,
        )


class PlanBody(_Body):
    """Who does what on a service date: a route or an area, by a vehicle, by people or a crew."""

    id: str = Field(examples=["2026-11-24:vehicle-0001:early"])
    on: date = Field(description="The date on which the shift begins.")
    shift: str = Field(examples=["early"])
    route: str | None = Field(examples=["route-0001"])
    area: str | None
    vehicle: str | None = Field(examples=["vehicle-0001"])
    workers: list[str]
    crew: str | None
    note: str
