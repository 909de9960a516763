"""What the checks of ``sanihub doctor`` share, and what each of them returns."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from hub.settings.settings import Settings
from store.facts.diagnosis import ServerFacts
from store.influx.facts import InfluxFacts

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """What a check found, and what to do about it; ``advice`` is empty where all is well."""

    check: str
    state: State
    detail: str
    advice: str = ""


class Examined(msgspec.Struct):
    """What the checks share: the settings, and the facts of the server or why there are none."""

    settings: Settings
    data: Path
    server: ServerFacts | None = None
    origin: str = ""
    server_fault: str | None = None
    influx: InfluxFacts | None = None
