"""Settings of the API and its pages: ``[api]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.live.limits import LiveLimits
from api.policy import AccessPolicy
from hub.settings.board import BoardSection
from ingest.listening import ServerTlsSection


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
"""A page's origin, as browsers name it: scheme, host, and the port where it is not the usual one."""


class ApiSection(_Section):
    """Where the API and the pages are served, and who may read. Port 0 takes a free one."""

    board: BoardSection = BoardSection()
    host: str = Field(
        "127.0.0.1", description="where the API and the pages listen; beyond this machine put a proxy with TLS in front"
    )
    tls: ServerTlsSection | None = Field(
        None, description="of the API and the pages: https; without it http, for a proxy with TLS or this machine"
    )
    port: int = Field(8080, ge=0, le=65_535, description="0 takes a free one")
    open_reading: bool = Field(False, description="anybody reads what a viewer reads, reports and evaluations apart")
    secure_cookies: bool = Field(False, description="where https ends at a proxy that does not say so")
    cors_origins: tuple[Origin, ...] = Field(
        (), max_length=100, description="pages of other origins that may call the API with a token of their own"
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"),
        max_length=100,
        description="whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks",
    )
    metrics: Literal["loopback", "open", "key"] = Field(
        "loopback", description="who scrapes /metrics without a key: this machine, everybody, nobody"
    )

    max_connections_per_address: int = Field(
        100, ge=1, le=500, description="of HTTP at a time, trusted_proxies apart; in all there are 500"
    )
    live_readers: int = Field(200, ge=1, le=400, description="live streams at once")
    live_readers_each: int = Field(10, ge=1, le=400, description="live streams of one key or person")
    live_patience_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="a reader of the live stream that takes nothing for so long is hung up on, seconds",
    )

    def policy(self) -> AccessPolicy:
        """The API's view of this section."""
        return AccessPolicy(self.open_reading, self.secure_cookies, frozenset(self.cors_origins), self.metrics)

    def live(self) -> LiveLimits:
        """The live stream's view of this section."""
        return LiveLimits(self.live_readers, self.live_readers_each, patience_s=self.live_patience_s)
