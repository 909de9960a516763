"""Settings of work orders: ``[orders]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OrdersSection(BaseModel):
    """How orders reach vehicles, and when one is overdue.

    ``broker`` is the name of the connection at which orders are published: an ``[[mqtt]]``, or ``embedded``; empty for
    the first that there is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    look_every_s: float = Field(
        5.0,
        ge=0.1,
        le=600,
        description="how often it is looked at what is to be sent, was answered, has ended, seconds",
    )
    due_within_min: int = Field(
        120, ge=5, le=10_080, description="an order without a time is due so long after it was given, minutes"
    )
    lead_min: int = Field(
        30, ge=0, le=1_440, description="orders of a plan are sent so long before they begin, minutes"
    )
    overdue_after_min: float = Field(
        15.0, ge=0, le=1_440, description="what is not done so long after its time is overdue, minutes"
    )
    retry_s: float = Field(
        30.0, ge=1, le=3_600, description="a vehicle that cannot be told is tried again after so long, seconds"
    )
    tries: int = Field(20, ge=1, le=1_000, description="and so often in all")
    language: str = Field("zh", pattern="^(zh|en)$", description="of texts on a driver's display")
    timezone: str = Field("Asia/Shanghai", description="of times in them")
    broker: str = Field(
        "",
        description=(
            "connection at which orders are published: the name of an [[mqtt]], or embedded; empty for the "
            "first that there is"
        ),
    )
    prefix: str = Field(
        "sanihub", pattern=r"^[^+#\x00/][^+#\x00]{0,99}$", description="of the topic <prefix>/v1/<device>/orders"
    )
