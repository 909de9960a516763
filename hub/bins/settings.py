"""Settings of bins: ``[bins]``: how often the hub looks for emptyings, and how far back it looks again."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BinsSection(BaseModel):
    """How the hub finds emptyings. An interval of 0 turns that off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    look_every_s: float = Field(60, ge=0, le=86_400, description="between two looks at what came since; 0: never")
    again_every_h: float = Field(
        24, ge=0, le=24 * 31, description="between two looks at all of the last days; 0: never"
    )
    again_days: float = Field(14, ge=0.5, le=366, description="how far back such a look goes")
    radius_m: float = Field(25, ge=1, le=500, description="so near to a bin a truck bears witness")
    zone: str = Field("Asia/Shanghai", description="whose hours and weekdays bins fill by")
    learn_days: float = Field(28, ge=1, le=366, description="of history behind the fill model")
    learn_every_h: float = Field(6, ge=0.1, le=24 * 31, description="after which it is learnt anew")
    ready_rules: tuple[str, ...] = Field(
        ("bin-fire", "smoke", "bin-tilted"), description="rules whose open alerts make a bin ready"
    )
