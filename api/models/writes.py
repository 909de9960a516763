"""Bodies of requests that write, and of their answers.

Telemetry is described here and judged elsewhere (``docs/protocols/mqtt-json.md``): what is wrong in one message must
not cost the others. Commands are judged by these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from api.instants import Instant

MAX_TEXT = 500  #: characters of a text to a display; a message of JT/T 808 holds 510 Chinese ones


class FixForm(BaseModel):
    """A position. `datum` is wgs84, gcj02 or bd09."""

    lat: float = Field(examples=[30.5931])
    lon: float = Field(examples=[114.3054])
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    constellations: list[str] | None = None
    valid: bool = True
    datum: str = "wgs84"


class EventForm(BaseModel):
    """Something that happened."""

    kind: str = Field(examples=["emptied"])
    ts: str | float | None = None
    attributes: dict[str, Any] | None = None


class TelemetryForm(BaseModel):
    """A message of one device: at least one of `readings`, `fix` and `events`."""

    device: str | None = Field(
        default=None,
        description="Whose message it is. A device's own key may leave it out; an integration's key may not.",
        examples=["bin-0042"],
    )
    ts: str | float | None = Field(
        default=None, description="ISO 8601 with a zone, or an epoch number.", examples=["2026-11-23T08:00:00+08:00"]
    )
    id: str | None = Field(default=None, description="Lets a message without `ts` be known when it comes twice.")
    kind: str | None = Field(default=None, description="Of a device that is not registered yet.", examples=["bin"])
    seq: int | None = None
    readings: dict[str, float | bool | None] | None = Field(default=None, examples=[{"fill_pct": 71.5}])
    fix: FixForm | None = None
    events: list[EventForm] | None = None


class TextCommand(BaseModel):
    """Show a text on the display of a device, and have it read aloud."""

    model_config = ConfigDict(extra="forbid")

    command: Literal["text"]
    text: str = Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$", examples=["请到人民路 12 号"])
    urgent: bool = False
    speak: bool = True


class SetCommand(BaseModel):
    """Set a point of a device: a switch to true or false, a register to a number."""

    model_config = ConfigDict(extra="forbid")

    command: Literal["set"]
    point: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$", examples=["fan"])
    value: bool | FiniteFloat = Field(examples=[True])


Command = Annotated[TextCommand | SetCommand, Field(discriminator="command")]
COMMAND: TypeAdapter[TextCommand | SetCommand] = TypeAdapter(Command)
BODIES: tuple[type[BaseModel], ...] = (TelemetryForm, TextCommand, SetCommand)


class RefusalBody(BaseModel):
    """What was refused: the field, and what was expected of it."""

    field: str = Field(examples=["[1].readings.fill_pct"])
    expected: str = Field(examples=["140 is outside 0..100 %"])


class AcceptedBody(BaseModel):
    """Committed. A request of which something was refused is also kept whole in dead letters."""

    accepted: int = Field(description="Messages that are filed now, or were already.", examples=[2])
    problems: list[RefusalBody] = Field(description="What was refused beside them.")


class AvailableBody(BaseModel):
    """The commands that can reach a device now."""

    device: str = Field(examples=["vehicle-0007"])
    commands: list[str] = Field(examples=[["text"]])


class DoneBody(BaseModel):
    """The device has confirmed."""

    device: str = Field(examples=["vehicle-0007"])
    command: str = Field(examples=["text"])
    answer: dict[str, Any] = Field(description="What the device said.", examples=[{"result": 0}])


class AuditEntryBody(BaseModel):
    """An entry of the audit: `asked` before a command is sent, `done` or what went wrong after it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: Instant
    actor: str = Field(examples=["key:k3xo2c7q5a"])
    action: str = Field(examples=["command.text"])
    target: str = Field(examples=["device:vehicle-0007"])
    outcome: str = Field(examples=["done"])
    details: dict[str, Any]
