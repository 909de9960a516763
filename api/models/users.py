"""Bodies of people, keys, and of devices as people change them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.instants import Instant, InstantQuery
from api.models.sessions import RoleName
from devices.kinds import DEVICE_ID
from devices.people import LEAST_PASSWORD, MOST_AREAS, MOST_PASSWORD

PersonRole = Literal["worker", "viewer", "dispatcher", "manager", "admin"]
KeyRole = Literal["device", "integration", "viewer", "dispatcher", "manager", "admin"]
DeviceStatus = Literal["active", "pending", "blocked", "retired"]
DeviceKind = Literal["vehicle", "bin", "toilet", "worker", "station", "gateway", "unknown"]
MOST_ATTRIBUTES = 50
MOST_IDENTITIES = 20

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_ID = "^" + DEVICE_ID.pattern.replace(r"\Z", "$")
Id = Annotated[str, Field(max_length=64, pattern=_ID)]
Text = Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
Areas = Annotated[list[Id], Field(min_length=1, max_length=MOST_AREAS)]
IdentityText = Annotated[
    str,
    Field(
        max_length=232,
        pattern=r"^[a-z][a-z0-9_]{0,30}:[^\x00-\x1f\x7f]{1,200}$",
        examples=["imei:861234050001234"],
    ),
]
Scalar = bool | int | float | Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00]*$")]
Attributes = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)], Scalar | list[Scalar] | None],
    Field(max_length=MOST_ATTRIBUTES),
]


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonBody(_Body):
    """Somebody who may sign in."""

    name: str = Field(examples=["wang"])
    display_name: str = Field(examples=["Wang Jianguo"])
    role: PersonRole
    areas: list[str] | None = Field(description="Nothing outside of these is shown to them; null: no limit.")
    worker: str | None = Field(description="The worker of the master data that they are.")
    language: Literal["zh", "en"] | None
    active: bool
    created_at: Instant
    changed_at: Instant
    signed_in_at: Instant | None


class PersonMadeBody(PersonBody):
    """Somebody who was entered or given another password."""

    password: str | None = Field(description="The random password, shown once; null where one was named.")


class PersonForm(_Form):
    """Somebody to enter. Without `password` a random one is drawn and shown once."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", examples=["wang"])
    display_name: Text = Field(examples=["Wang Jianguo"])
    role: PersonRole
    areas: Areas | None = None
    worker: Id | None = None
    language: Literal["zh", "en"] | None = None
    password: str | None = Field(default=None, min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)


class PersonChangeForm(_Form):
    """What is to be otherwise; what is left out stays. `reset_password` draws a random one and shows it once."""

    display_name: Text | None = None
    role: PersonRole | None = None
    areas: Areas | None = None
    worker: Id | None = None
    language: Literal["zh", "en"] | None = None
    active: bool | None = None
    password: str | None = Field(default=None, min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)
    reset_password: bool = False

    @model_validator(mode="after")
    def _one_password(self) -> PersonChangeForm:
        if self.reset_password and self.password is not None:
            raise ValueError("expected either password or reset_password")
        return self


class KeyBody(_Body):
    """A key, without what opens anything."""

    prefix: str = Field(examples=["k3xo2c7q5a"])
    name: str = Field(examples=["chirpstack"])
    role: RoleName
    device: str | None = Field(description="The device that a key of the role device speaks for.")
    areas: list[str] | None = Field(description="Nothing outside of these is shown to it; null: no limit.")
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None = Field(description="Within a minute.")


class KeyMadeBody(KeyBody):
    """A key that was made."""

    key: str = Field(description="The key itself. It is not shown again: the hub keeps its hash.")


class KeyForm(_Form):
    """A key to make. `device` belongs to the role device, `areas` to viewer, dispatcher and manager."""

    name: Text = Field(examples=["chirpstack"])
    role: KeyRole
    device: Id | None = None
    areas: Areas | None = None
    expires_at: InstantQuery | None = None


class DeviceMadeForm(_Form):
    """A device to register."""

    id: Id = Field(examples=["bin-0042"])
    kind: DeviceKind | None = Field(default=None, description="Left out: by its id (`bin-0042`).")
    name: Annotated[str, Field(max_length=200, pattern=_PRINTABLE)] = ""
    status: DeviceStatus = "active"
    attributes: Attributes = {}
    identities: list[IdentityText] = Field(default=[], max_length=MOST_IDENTITIES)


class DeviceChangeForm(_Form):
    """What is to be otherwise; what is left out stays. An attribute of null is taken away."""

    kind: DeviceKind | None = None
    name: Annotated[str, Field(max_length=200, pattern=_PRINTABLE)] | None = None
    status: DeviceStatus | None = None
    attributes: Attributes = {}


class IdentityForm(_Form):
    """Another name that a device goes by."""

    identity: IdentityText


ACCESS_FORMS: tuple[type[BaseModel], ...] = (
    PersonForm,
    PersonChangeForm,
    KeyForm,
    DeviceMadeForm,
    DeviceChangeForm,
    IdentityForm,
)
