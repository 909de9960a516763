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

    escalate_after_s: dict[Severity, tuple[Seconds, ...]] = {"info": (), "warning": (3_600,), "critical": (300, 900)}
    late: bool = Field(False, description="whether what a repair of history finds, and lasts, rings with a mark")
    within_s: float = Field(600, ge=0)
    grace_s: float = Field(10, ge=0, le=3_600)
    flapping_raisings: int = Field(5, ge=1, le=1_000)
    flapping_within_s: Seconds = 600
    storm_alerts: int = Field(30, ge=1, le=100_000)
    storm_within_s: Seconds = 60
    storm_gather_s: Seconds = 30
    storm_release_s: Seconds = 1_800

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
