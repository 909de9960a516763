"""Bodies of alerts, shelves and rules: of answers, and of what people ask for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.instants import Instant, InstantQuery

MOST_COMMENT = 2_000
MOST_SNOOZED_MIN = 30 * 24 * 60
MOST_SHELVED_MIN = 366 * 24 * 60

_SAID = r"^[^\x00]*$"
Comment = Annotated[str, Field(max_length=MOST_COMMENT, pattern=_SAID)]
Remark = Annotated[str, Field(min_length=1, max_length=MOST_COMMENT, pattern=_SAID)]


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AlertBody(_Body):
    """One alert. `raised_at` and `cleared_at` are the device's time, all other instants the hub's."""

    id: int
    device: str = Field(examples=["bin-0042"])
    device_kind: str = Field(examples=["bin"])
    device_name: str = Field(examples=["Renmin Road 12"])
    area: str | None = Field(examples=["north"])
    rule: str = Field(examples=["bin-full"])
    scope: str = Field(description="Tells several of one rule and device apart: the fence, the metric, the stop.")
    severity: str = Field(description="info, warning or critical.", examples=["warning"])
    stage: str = Field(
        description="raised, acknowledged, cleared (the cause is gone), closed (by a person), or retracted: told, and "
        "by the repaired history never there.",
        examples=["raised"],
    )
    raised_at: Instant
    cleared_at: Instant | None
    raised_value: float | None
    cleared_value: float | None
    detail: dict[str, Any] = Field(description="What the rule has to add.")
    told_at: Instant = Field(description="When the hub committed it.")
    settled_at: Instant | None = Field(description="When its clearing was committed.")
    revised_at: Instant | None = Field(description="When a repair of history changed it last.")
    late: bool = Field(description="Found by a repair of history.")
    acknowledged_at: Instant | None
    acknowledged_by: str | None = Field(examples=["key:k3xo2c7q5a"])
    closed_at: Instant | None
    closed_by: str | None
    quiet_until: Instant | None = Field(description="Snoozed until then.")
    escalation: int = Field(description="Steps that it went up unacknowledged.")
    flapping: bool = Field(description="Raised too often of late to ring.")
    storm: int | None = Field(description="The alert that this one is part of; it rang no bell of its own.")
    parts: int = Field(description="Alerts that are part of this one; `?storm=` lists them.")
    shelved: bool = Field(description="Its rule or its device is on the shelf now.")


class LogEntryBody(_Body):
    """What happened to an alert, in the hub's time."""

    at: Instant
    actor: str = Field(examples=["hub"])
    action: str = Field(examples=["acknowledged"])
    detail: dict[str, Any]


class NotificationBody(_Body):
    """What became of a notification on a channel."""

    action: str = Field(description="raised, raised_again, escalated, cleared or storm.", examples=["raised"])
    entered_at: Instant
    channel: str | None = Field(description="null: no route led anywhere.", examples=["control-room"])
    state: str = Field(description="waiting, sending, delivered, given up, or nobody.", examples=["delivered"])
    attempts: int
    tried_at: Instant | None
    delivered_at: Instant | None
    answer: str | None = Field(description="What the receiver said last.")


class AlertDetailBody(AlertBody):
    """An alert with what happened to it and what was told of it, both oldest first."""

    log: list[LogEntryBody]
    notifications: list[NotificationBody]


class AlertCountBody(_Body):
    """Open alerts of a severity."""

    open: int
    unacknowledged: int
    parts: int = Field(description="Of the open ones, those that are part of a storm.")


class AlertCountsBody(BaseModel):
    """Open alerts, by severity."""

    open: int
    unacknowledged: int
    critical: AlertCountBody
    warning: AlertCountBody
    info: AlertCountBody


class ShelfBody(_Body):
    """What rings no bell until then: a rule (`device` is null), a device, or one on the other."""

    id: int
    rule: str | None = Field(examples=["bin-full"])
    device: str | None = Field(examples=["bin-0042"])
    until: Instant
    reason: str
    entered_by: str = Field(examples=["key:k3xo2c7q5a"])
    entered_at: Instant


class RuleSetBody(_Body):
    """A set of rules, as it was entered."""

    version: int
    since: Instant = Field(description="It judges what devices say of this instant and later.")
    entered_at: Instant
    entered_by: str = Field(examples=["key:k3xo2c7q5a"])
    comment: str


class RulesBody(RuleSetBody):
    """The newest set with its rules; their fields are those of the rule file (docs/alerts.md)."""

    rules: list[dict[str, Any]] = Field(
        examples=[[{"id": "bin-full", "kind": "threshold", "params": {"metric": "fill_pct", "limit": 85}}]]
    )


class CheckedBody(BaseModel):
    """The rules are sound."""

    rules: int = Field(description="How many.", examples=[34])


# -- what people ask for -----------------------------------------------------------------------------------------------


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CommentedForm(_Form):
    """A remark, if there is one."""

    comment: Comment = ""


class CommentForm(_Form):
    """A remark."""

    comment: Remark = Field(examples=["The lid is broken; ordered a new one."])


class _UntilForm(_Form):
    until: InstantQuery | None = Field(default=None, description="An instant with a zone.")
    minutes: float | None = Field(default=None, gt=0, description="Or so long from now.", allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_of_both(self) -> _UntilForm:
        if (self.until is None) == (self.minutes is None):
            raise ValueError("expected either until or minutes")
        return self


class SnoozeForm(_UntilForm):
    """Until when it is to be quiet; at most 30 days."""


class ShelfForm(_UntilForm):
    """What is to ring no bell, until when (at most 366 days), and why. A rule, a device, or both."""

    rule: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["bin-full"])
    device: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", examples=["bin-0042"])
    reason: Remark = Field(examples=["The sensor is being replaced."])

    @model_validator(mode="after")
    def _names_something(self) -> ShelfForm:
        if self.rule is None and self.device is None:
            raise ValueError("expected a rule, a device, or both")
        return self


FORMS: tuple[type[BaseModel], ...] = (CommentedForm, CommentForm, SnoozeForm, ShelfForm)
