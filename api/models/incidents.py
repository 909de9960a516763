"""Bodies of incidents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.instants import Instant, InstantQuery
from api.models.reports import zone_of
from api.params.fields import Cursor, Name
from fleet.incidents.categories import categories
from fleet.incidents.incident import IncidentFilter, Report

MOST_TEXT = 2_000
_SAID = r"^[^\x00]*$"
_LINE = r"^[^\x00-\x1f\x7f]*$"
StateName = Literal["reported", "ordered", "handed_on", "done", "rejected"]
Text = Annotated[str, Field(max_length=MOST_TEXT, pattern=_SAID)]


def _category(name: str) -> str:
    if name not in categories():
        raise ValueError(f"expected one of {', '.join(categories())}")
    return name


CategoryName = Annotated[str, Field(max_length=40), AfterValidator(_category)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IncidentForm(_Form):
    """What somebody saw. Sent again with the same `reference` it is still one incident."""

    reference: str = Field(
        min_length=8, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="Drawn by the reporter, a UUID say.",
        examples=["5b0c1c9e-8a2d-4f0e-9d43-0d8f2f7f3a51"],
    )  # fmt: skip
    category: CategoryName = Field(examples=["rubbish-heap"])
    lat: float = Field(ge=-90, le=90, description="WGS-84.", examples=[30.5721])
    lon: float = Field(ge=-180, le=180, examples=[114.3055])
    accuracy_m: float | None = Field(default=None, ge=0, le=100_000, examples=[12.0])
    text: Text = Field(default="", examples=["Three mattresses and a sofa."])
    place: str = Field(default="", max_length=200, pattern=_LINE, examples=["中山路 12 号"])
    device: Name | None = Field(default=None, description="A bin or a toilet that it is about.", examples=["bin-0042"])
    seen_at: InstantQuery | None = Field(default=None, description="When it was seen; now, where it is not said.")

    @model_validator(mode="after")
    def _is_somewhere(self) -> IncidentForm:
        if self.lat == 0 and self.lon == 0:
            raise ValueError("lat, lon: 0, 0 is what phones say that know no position; expected a position")
        return self

    def report(self) -> Report:
        """The desk's view of it."""
        fields = self.model_dump(exclude={"seen_at"})
        return Report(**fields, claimed_at=self.seen_at)


class RemarkForm(_Form):
    """A remark on a step."""

    text: Text = Field(default="", examples=["Cleared by the night shift."])


class ReasonForm(_Form):
    """A reason, which must be given."""

    text: Text = Field(min_length=1, examples=["Private ground."])


class HandOnForm(_Form):
    """To whom an incident is handed on."""

    department: Name = Field(examples=["roads"])
    text: Text = Field(default="", examples=["The kerb is broken as well."])


class IncidentBody(_Body):
    """An incident as it stands now."""

    id: int
    reference: str
    category: str = Field(examples=["rubbish-heap"])
    state: StateName
    text: str
    lat: float
    lon: float
    accuracy_m: float | None
    place: str
    area: str | None = Field(description="Of the master data, as it was then.")
    device: str | None
    seen_at: Instant = Field(description="The reporter's time where it can be believed, else that of reception.")
    claimed_at: Instant | None = Field(description="What the reporter claimed, where it could not be believed.")
    entered_at: Instant
    entered_by: str
    reporter: str
    worker: str | None
    department: str | None = Field(description="Whom it was handed on to last.")
    work_order: str | None
    changed_at: Instant
    photos: int = Field(description="How many there are.")


class PhotoBody(_Body):
    """A photo, kept byte by byte as it came, under its SHA-256."""

    sha256: str
    media_type: str = Field(examples=["image/jpeg"])
    width: int
    height: int
    bytes: int
    taken_at: str | None = Field(description="What the camera wrote into it: a claim without a zone.")
    entered_at: Instant
    entered_by: str


class IncidentLogBody(_Body):
    """What happened, when, by whom."""

    at: Instant
    actor: str
    action: str
    text: str
    detail: dict[str, Any]


class LetterBody(_Body):
    """What another department was told, and what became of it."""

    id: str
    department: str
    entered_at: Instant
    attempts: int
    delivered_at: Instant | None
    given_up_at: Instant | None
    answer: str | None


class DossierBody(_Body):
    """An incident with all that proves it."""

    incident: IncidentBody
    photos: list[PhotoBody]
    log: list[IncidentLogBody]
    letters: list[LetterBody]


class CategoryBody(_Body):
    """What can be reported."""

    id: str
    zh: str
    en: str


class DepartmentBody(BaseModel):
    """Whom incidents can be handed on to."""

    name: str
    zh: str
    en: str


class CatalogueBody(BaseModel):
    """The choices of whoever reports or handles incidents."""

    categories: list[CategoryBody]
    departments: list[DepartmentBody]
    max_photo_bytes: int


class HeatCellBody(_Body):
    """A cell with incidents."""

    west: float
    south: float
    east: float
    north: float
    count: int
    categories: dict[str, int]


class HeatBody(_Body):
    """Where and how often. Rejected incidents do not count; areas without a name stand under ''."""

    total: int
    cells: list[HeatCellBody] = Field(description="The most first.")
    categories: dict[str, int]
    areas: dict[str, int]
    hours: list[int] = Field(description="24, of the local day.", min_length=24, max_length=24)
    weekdays: list[int] = Field(description="Monday first.", min_length=7, max_length=7)


class _Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)

    state: Annotated[list[StateName], Field(default_factory=list, max_length=5, description="May be repeated.")]
    category: Annotated[list[CategoryName], Field(default_factory=list, max_length=30, description="May be repeated.")]
    area: Annotated[list[Name], Field(default_factory=list, max_length=100, description="May be repeated.")]
    from_: Annotated[InstantQuery | None, Field(default=None, alias="from", description="Seen then or later.")]
    to: Annotated[InstantQuery | None, Field(default=None, description="Seen before.")]
    bbox: Annotated[
        str | None,
        Field(
            default=None, max_length=120, pattern=r"^-?[0-9.]+(,-?[0-9.]+){3}$",
            description="west,south,east,north in degrees.", examples=["114.2,30.5,114.4,30.7"],
        ),
    ]  # fmt: skip
    mine: Annotated[bool, Field(default=False, description="true: only what I have reported.")]

    @model_validator(mode="after")
    def _box_is_one(self) -> _Chosen:
        if self.bbox is not None:
            west, south, east, north = self._corners()
            if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
                raise ValueError("bbox: expected west,south,east,north in degrees")
        return self

    def _corners(self) -> tuple[float, float, float, float]:
        west, south, east, north = (float(part) for part in str(self.bbox).split(","))
        return west, south, east, north

    def wanted(self, actor: str | None, areas: frozenset[str] | None) -> IncidentFilter:
        """The desk's view of it, for somebody who may see only these areas, or only what ``actor`` has reported."""
        asked = tuple(self.area)
        if areas is not None:
            asked = tuple(sorted(areas.intersection(asked) if asked else areas)) or ("\N{NO-BREAK SPACE}",)
        return IncidentFilter(
            states=tuple(self.state),
            categories=tuple(self.category),
            areas=asked,
            start=self.from_,
            end=self.to,
            bbox=None if self.bbox is None else self._corners(),
            entered_by=actor,
        )


class IncidentsQuery(_Chosen):
    """Which incidents."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class HeatQuery(_Chosen):
    """What is counted, and over which cells."""

    cell_m: Annotated[float, Field(default=250.0, ge=20, le=20_000, description="Width and height of a cell.")]
    zone: Annotated[
        str, Field(default="Asia/Shanghai", max_length=60, description="IANA time zone of the hours."),
        AfterValidator(zone_of),
    ]  # fmt: skip


INCIDENT_FORMS = (IncidentForm, RemarkForm, ReasonForm, HandOnForm)
