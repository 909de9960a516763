"""Workers and crews. A worker's badge or phone is a device; off shift nobody asks where it is.

One that is ``withdrawn`` counts no more from that instant (µs) on, and stays for what was before.
"""

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
    withdrawn: int | None = None


class Crew(msgspec.Struct, frozen=True):
    """People who work together, with their supervisor (a worker's id)."""

    id: str
    name: str
    name_zh: str = ""
    supervisor: str | None = None
    area: str | None = None
    withdrawn: int | None = None
