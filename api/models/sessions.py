"""Bodies of signing in and out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant
from devices.people import LEAST_PASSWORD, MOST_PASSWORD

RoleName = Literal["device", "integration", "worker", "viewer", "dispatcher", "manager", "admin"]
Ability = Literal["post", "own", "read", "dispatch", "manage", "administer"]


class SignInForm(BaseModel):
    """Who signs in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$", examples=["wang"])
    password: str = Field(min_length=1, max_length=MOST_PASSWORD, examples=["correct horse battery staple"])


class PasswordForm(BaseModel):
    """A new password of one's own, and the present one."""

    model_config = ConfigDict(extra="forbid")

    current: str = Field(min_length=1, max_length=MOST_PASSWORD)
    new: str = Field(min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)


class SessionBody(BaseModel):
    """Somebody who was recognised, by a session or by a key."""

    name: str = Field(examples=["wang"])
    display_name: str = Field(examples=["Wang Jianguo"])
    role: RoleName = Field(examples=["dispatcher"])
    areas: list[str] | None = Field(description="Nothing outside of these is shown; null: no limit.", examples=[None])
    worker: str | None = Field(description="The worker of the master data that this person is.", examples=[None])
    device: str | None = Field(description="The device that they post as: a worker's badge.", examples=[None])
    language: Literal["zh", "en"] | None = Field(description="null: as the page has it.")
    may: list[Ability] = Field(
        description="What the role allows: post telemetry, see and do what is one's own, read, dispatch (commands, "
        "alerts, orders), manage (rules, plans, devices, the audit), administer (people, keys).",
        examples=[["read", "dispatch"]],
    )
    expires_at: Instant | None = Field(description="When it is over if it is not used; null: never.")


class SignedInBody(SessionBody):
    """Somebody who has signed in. A browser needs `token` for nothing: it has the cookie."""

    token: str = Field(description="For programs: `Authorization: Bearer <token>`. It is not shown again.")


SESSION_FORMS: tuple[type[BaseModel], ...] = (SignInForm, PasswordForm)
