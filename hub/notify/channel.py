"""What a kind of channel brings along, so that adding one is adding one file to ``hub/notify/channels``.

Such a file ends with ``KIND = Kind(...)``; :func:`kinds` finds it, and ``[[notify.channels]]`` takes its section.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alerts.notices.hours import Hours, parse_hours, parse_weekdays
from alerts.notices.notice import Message
from alerts.notices.routing import Habits
from devices.errors import TransientError
from hub.notify.targets import Targets
from ingest.transports.mqtt.broker import Broker

LONGEST_ANSWER = 300


class UndeliveredError(TransientError):
    """The channel did not take the message.

    ``blame`` tells whether it is this message that is refused, or whether the channel takes none now.
    ``retry_after_s`` is what the receiver asked for.
    """

    def __init__(
        self, message: str, *, blame: Literal["channel", "message"] = "channel", retry_after_s: float | None = None
    ) -> None:
        super().__init__(answer(message))
        self.blame = blame
        self.retry_after_s = retry_after_s


def answer(text: str) -> str:
    """What came back, as it is recorded: one line that can be printed, bounded."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST_ANSWER])
    return " ".join(printable.split())[:LONGEST_ANSWER]


class Channel(Protocol):
    """A way to reach people or machines. May be called several times at once."""

    async def send(self, message: Message) -> str:
        """Deliver; returns what came back. Raises UndeliveredError unless the receiver has confirmed.

        The sender bounds its time by the section's ``timeout_s``, and cancels it then.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class ChannelSection(BaseModel):
    """The settings that every channel has. Each kind adds ``kind`` and its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="of the channel, as routes name it")
    quiet: str | None = Field(None, description="hours such as 22:00-07:00 in which only what is critical goes out")
    quiet_weekdays: tuple[str, ...] = Field((), description="days on which quiet hours begin; all, where none is named")
    digest_minutes: int = Field(
        0, ge=0, le=1_440, description="what is not critical is gathered for so many minutes; 0 sends each by itself"
    )
    per_minute: int | None = Field(
        None, ge=1, le=10_000, description="most messages in a minute; the last one takes the rest along"
    )
    parallel: int = Field(4, ge=1, le=64, description="messages that are under way at the same time")
    timeout_s: float = Field(10.0, ge=0.1, le=120.0, description="that each may take, seconds")

    @field_validator("quiet")
    @classmethod
    def _are_hours(cls, value: str | None) -> str | None:
        if value is not None:
            parse_hours(value)
        return value

    @field_validator("quiet_weekdays")
    @classmethod
    def _are_weekdays(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_weekdays(value)
        return value

    @model_validator(mode="after")
    def _there_is_an_end_to_quiet(self) -> ChannelSection:
        hours = self.quiet_hours()
        if hours is not None and hours.end - hours.start == 24 * 60 and len(hours.days) == 7:
            raise ValueError("quiet: never ends")
        if hours is None and self.quiet_weekdays:
            raise ValueError("quiet_weekdays: needs quiet beside it")
        return self

    def quiet_hours(self) -> Hours | None:
        """The hours in which only what is critical goes out."""
        return None if self.quiet is None else parse_hours(self.quiet, self.quiet_weekdays)

    def habits(self, *, bundles: bool) -> Habits:
        """The router's view of this section."""
        return Habits(self.quiet_hours(), self.digest_minutes * 60_000_000, self.per_minute, bundles)


class Surroundings(msgspec.Struct, frozen=True):
    """What a channel is given: where it may connect to, the brokers of the settings by name, the zone of its times."""

    targets: Targets
    brokers: Mapping[str, Broker]
    zone: tzinfo


class Kind(msgspec.Struct, frozen=True):
    """A kind of channel. ``connect`` makes one of a section; it raises ConfigError and touches no network.

    ``bundles`` is whether a message may hold several notices.
    """

    name: str
    section: type[ChannelSection]
    connect: Callable[[Any, Surroundings], Channel]
    bundles: bool = True


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name."""
    package = import_module("hub.notify.channels")
    modules = (import_module(f"hub.notify.channels.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}
