"""Settings of work orders: ``[orders]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OrdersSection(BaseModel):
    """How orders reach vehicles, and when one is overdue.

    ``broker`` is the name of the connection at which orders are published: an ``[[mqtt]]``, or ``embedded``; empty for
    the first that there is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    look_every_s: float = Field(5.0, ge=0.1, le=600)
    due_within_min: int = Field(120, ge=5, le=10_080)
    lead_min: int = Field(30, ge=0, le=1_440)
    overdue_after_min: float = Field(15.0, ge=0, le=1_440)
    retry_s: float = Field(30.0, ge=1, le=3_600)
    tries: int = Field(20, ge=1, le=1_000)
    language: str = Field("zh", pattern="^(zh|en)$")
    timezone: str = "Asia/Shanghai"
    broker: str = ""
    prefix: str = Field("sanihub", pattern=r"^[^+#\x00/][^+#\x00]{0,99}$")
