"""Settings of notifications: ``[notify]``, ``[[notify.channels]]`` and ``[[notify.routes]]``."""

from __future__ import annotations

import operator
from datetime import tzinfo
from functools import reduce
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alerts.notices.hours import parse_hours, parse_weekdays
from alerts.notices.routing import Route
from alerts.rule import Severity
from hub.notify.channel import ChannelSection, kinds
from hub.notify.targets import Targets

if TYPE_CHECKING:
    AnyChannel: TypeAlias = ChannelSection
else:
    _SECTIONS = [kind.section for kind in kinds().values()]
    AnyChannel = Annotated[reduce(operator.or_, _SECTIONS), Field(discriminator="kind")]


class RouteSection(BaseModel):
    """Which notices go to which channels. A list that is left empty takes all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...] = Field(min_length=1, description="names of the channels")
    severities: tuple[Severity, ...] = Field((), description="which severities")
    areas: tuple[str, ...] = Field((), description="ids of areas")
    device_kinds: tuple[str, ...] = Field((), description="kinds of devices")
    rules: tuple[str, ...] = Field((), description="ids of rules; * stands for anything")
    actions: tuple[Literal["raised", "raised_again", "escalated", "cleared", "revised", "storm"], ...] = Field(
        (), description="what happened to the alert"
    )
    hours: str | None = Field(None, description="only what comes in these hours, such as 22:00-07:00")
    weekdays: tuple[str, ...] = Field((), description="and on these days: mon, tue ...")

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, value: str | None) -> str | None:
        if value is not None:
            parse_hours(value)
        return value

    @field_validator("weekdays")
    @classmethod
    def _are_weekdays(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_weekdays(value)
        return value

    def route(self) -> Route:
        """The router's view of this section."""
        hours = self.hours or ("00:00-24:00" if self.weekdays else None)
        return Route(
            channels=self.channels,
            severities=frozenset(self.severities),
            areas=frozenset(self.areas),
            device_kinds=frozenset(self.device_kinds),
            rules=self.rules,
            actions=frozenset(self.actions),
            hours=None if hours is None else parse_hours(hours, self.weekdays),
        )


class NotifySection(BaseModel):
    """How people and machines are told of alerts. Without channels nobody is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: str = Field("UTC", description="of hours and weekdays, and of times in messages")
    allowed_networks: tuple[str, ...] = Field(
        (), description="notifications go to public addresses only, and to these networks"
    )
    forbidden_networks: tuple[str, ...] = Field((), description="never to these, public or not")
    give_up_after_h: float = Field(24.0, gt=0, le=24 * 30, description="so long a notification is tried again, hours")
    keep_days: int = Field(90, ge=1, description="so long is kept what was told and to whom, days")
    channels: tuple[AnyChannel, ...] = ()
    routes: tuple[RouteSection, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; expected such as Asia/Shanghai") from None
        return value

    @field_validator("allowed_networks", "forbidden_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"{error}; expected such as 10.1.0.0/16 or fd00:1::/32") from None
        return value

    @model_validator(mode="after")
    def _names_hold_together(self) -> NotifySection:
        names = [channel.name for channel in self.channels]
        if len(set(names)) < len(names):
            raise ValueError("channels: two have the same name")
        for number, route in enumerate(self.routes):
            for name in route.channels:
                if name not in names:
                    there = ", ".join(names) or "none"
                    raise ValueError(f"routes.{number}.channels: no channel named {name!r} (there: {there})")
        return self

    @property
    def zone(self) -> tzinfo:
        """The zone of hours, quiet hours, and times in messages."""
        return ZoneInfo(self.timezone)

    def targets(self) -> Targets:
        """Where may be connected to."""
        return Targets(map(ip_network, self.allowed_networks), map(ip_network, self.forbidden_networks))
