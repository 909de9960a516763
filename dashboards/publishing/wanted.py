"""What shall be in a Grafana, and the plan of how it comes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from dashboards.publishing.datasource import Source


class Folder(msgspec.Struct, frozen=True):
    """A folder at the root, known by its uid."""

    uid: str
    title: str


class Board(msgspec.Struct, frozen=True):
    """A board's model (with ``uid`` and ``title``) and the folder that it lies in."""

    folder: Folder
    model: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """The uid by which Grafana knows it."""
        return str(self.model["uid"])


class Wanted(msgspec.Struct, frozen=True):
    """All that shall be there."""

    source: Source
    boards: tuple[Board, ...]

    @property
    def folders(self) -> tuple[Folder, ...]:
        """The folders of the boards, each once."""
        return tuple(dict.fromkeys(board.folder for board in self.boards))


class Step(msgspec.Struct, frozen=True):
    """One thing and what is done to it. ``body`` is what Grafana is sent, with a password: not for logs."""

    does: Literal["create", "change", "leave"]
    what: Literal["data source", "folder", "dashboard"]
    uid: str
    title: str
    differing: tuple[str, ...] = ()
    body: dict[str, Any] = {}


class Plan(msgspec.Struct, frozen=True):
    """The steps in their order, and the uids of boards in our folders that are not ours or no longer: they stay."""

    steps: tuple[Step, ...]
    strangers: tuple[str, ...] = ()

    @property
    def to_do(self) -> tuple[Step, ...]:
        """The steps that write."""
        return tuple(step for step in self.steps if step.does != "leave")
