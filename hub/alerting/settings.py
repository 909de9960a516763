"""Settings of alerts: ``[alerts]``: when bells ring, when they are held back, and what is escalated."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from alerts.rule import Severity
from hub.alerting.desk import Ringing

MOST_STEPS = 10

Seconds = Annotated[float, Field(ge=1, le=30 * 86_400, allow_inf_nan=False)]


class AlertsSection(BaseModel):
    """How the hub tells of alerts. Durations in seconds; those of data are in the device's time, all others in ours.

    ``escalate_after_s`` are, for each severity, the seconds after the bell at which an alert that nobody has
    acknowledged goes up a step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    escalate_after_s: dict[Severity, tuple[Seconds, ...]] = Field(
        {"info": (), "warning": (3_600,), "critical": (300, 900)},
        description=(
            "for each severity, the seconds after the bell at which an alert that nobody has acknowledged "
            "goes up a step"
        ),
    )
    late: bool = Field(False, description="whether what a repair of history finds, and lasts, rings with a mark")
    within_s: float = Field(
        600,
        ge=0,
        description="an alert that is over when it is found rings only if it was raised less than so long ago, seconds",
    )
    grace_s: float = Field(
        10,
        ge=0,
        le=3_600,
        description="so long a silence or the end of a hold waits for data that are on their way, seconds",
    )
    flapping_raisings: int = Field(
        5,
        ge=1,
        le=1_000,
        description=(
            "an alert that was raised so often within flapping_within_s rings no more until it is calm for as long"
        ),
    )
    flapping_within_s: Seconds = Field(600, description="see flapping_raisings, seconds")
    storm_alerts: int = Field(
        30,
        ge=1,
        le=100_000,
        description="more alerts of one rule within storm_within_s are a storm: the later ones ring no bell",
    )
    storm_within_s: Seconds = Field(60, description="see storm_alerts, seconds")
    storm_gather_s: Seconds = Field(30, description="one notification tells of all that came within so long, seconds")
    storm_release_s: Seconds = Field(
        1_800,
        description=(
            "the silence of a device behind a silent gateway rings, if it lasts so long after the gateway is"
            " back, seconds"
        ),
    )

    @field_validator("escalate_after_s")
    @classmethod
    def _are_steps(cls, value: dict[Severity, tuple[float, ...]]) -> dict[Severity, tuple[float, ...]]:
        for severity, steps in value.items():
            if len(steps) > MOST_STEPS or list(steps) != sorted(set(steps)):
                raise ValueError(f"{severity}: expected at most {MOST_STEPS} seconds, each greater than the one before")
        return value

    def ringing(self) -> Ringing:
        """The desk's view of this section."""
        return Ringing(
            within_s=self.within_s,
            grace_s=self.grace_s,
            late=self.late,
            flaps=self.flapping_raisings,
            flap_s=self.flapping_within_s,
            storm=self.storm_alerts,
            storm_s=self.storm_within_s,
            gather_s=self.storm_gather_s,
        )
