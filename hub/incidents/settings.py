"""Settings of incidents: ``[incidents]`` and ``[[incidents.departments]]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.notify.channels.webhook import WebhookTarget


class Department(WebhookTarget):
    """Whom an incident can be handed on to: a receiver of webhooks with names for people."""

    zh: str = Field("", max_length=64, description="Chinese name, for people")
    en: str = Field("", max_length=64, description="English name, for people")


class IncidentsSection(BaseModel):
    """Limits of photos, and the departments that incidents can be handed on to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_photo_mib: int = Field(8, ge=1, le=32, description="how large a photo may be, MiB")
    max_photo_megapixels: int = Field(60, ge=1, le=250, description="and in millions of pixels")
    give_up_after_h: float = Field(
        72.0, gt=0, le=24 * 30, description="so long it is tried to tell another department, hours"
    )
    departments: tuple[Department, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> IncidentsSection:
        names = [department.name for department in self.departments]
        if len(set(names)) < len(names):
            raise ValueError("departments: two have the same name")
        return self
