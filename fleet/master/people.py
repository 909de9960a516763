"""Workers and crews. A worker's badge or phone is a device; off shift nobody asks where it is."""

from __future__ import annotations

from typing import Literal

import msgspec

WorkerRole = Literal["cleaner", "driver", "loader", "inspector", "supervisor"]


class Worker(msgspec.Struct, frozen=True):
    """A person. ``device`` is the badge or phone (a device's id), ``crew`` the crew by its id."""

    id: str
    name: str
    role: WorkerRole = "cleaner"
    device: str | None = None
    crew: str | None = None
    active: bool = True


class Crew(msgspec.Struct, frozen=True):
    """People who work together, with their supervisor (a worker's id)."""

    id: str
    name: str
    name_zh: str = ""
    supervisor: str | None = None
    area: str | None = None
