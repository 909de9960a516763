"""Settings of the live board, ``[api.board]``."""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.board_files import BoardSettings


class BoardSection(BaseModel):
    """What the live board's page is told: the map's background, and the city's time zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tiles_url: str = Field(
        "",
        description="background of tiles: an address with {z}, {x} and {y}; empty: none, and nobody outside is asked",
    )
    tiles_datum: Literal["wgs84", "gcj02"] = Field(
        "wgs84", description="of these tiles; gcj02 is that of most Chinese base maps"
    )
    attribution: str = Field("", max_length=300, description="whom the tiles are from, as their licence asks")
    zone: str = Field("Asia/Shanghai", description="time zone in which the board shows times")

    @field_validator("tiles_url")
    @classmethod
    def _template(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?/[^\s'\"<>;,]*", url):
            raise ValueError("expected an address such as https://tiles.example/{z}/{x}/{y}.png")
        if url and not all(part in url for part in ("{z}", "{x}", "{y}")):
            raise ValueError("expected {z}, {x} and {y} in it")
        return url

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected an IANA time zone such as Asia/Shanghai") from None
        return name

    def settings(self) -> BoardSettings:
        """As the pages take them."""
        return BoardSettings(**self.model_dump())
