"""Schemes: how measures become points. A scheme is data; this is what it may say.

Each item has a weight (all weights make 100) and measures one or more KPIs. In the mode ``share`` an item loses what
its KPIs lack of their scores; in the mode ``points`` each fault costs its own points until the item is used up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from fleet.evaluation.attendance import AttendanceRules
from fleet.evaluation.kpi import kpis
from fleet.evaluation.post_time import PostRules
from fleet.evaluation.walked import WalkRules

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Title = Annotated[str, msgspec.Meta(max_length=200)]


class MeasureEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A KPI by its name, with its parameters as they stand in the file."""

    kpi: str
    params: Mapping[str, Any] = {}

    def typed(self) -> msgspec.Struct:
        """The parameters as the KPI's own; they were found to be sound when the scheme was read."""
        return msgspec.convert(self.params, kpis()[self.kpi].params)


class ItemEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a scheme."""

    id: Name
    weight: Annotated[float, msgspec.Meta(gt=0, le=100)]
    measures: Annotated[tuple[MeasureEntry, ...], msgspec.Meta(min_length=1)]
    mode: Literal["share", "points"] = "share"
    title: Title = ""
    title_zh: Title = ""


class Grade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has at least ``least`` points has this grade, if no higher one."""

    least: Annotated[float, msgspec.Meta(ge=0, le=100)]
    title: Title
    title_zh: Title


class Scheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scheme as it stands in a file. ``version`` counts the versions of this scheme; the ready-made ones are 0.

    Where items of less than ``least_weight`` have data, or less than ``least_data`` of the time on duty is known, there
    are points and no grade. ``attendance``, ``post`` and
    ``walk`` are the thresholds by which records are judged.
    """

    id: Name
    items: Annotated[tuple[ItemEntry, ...], msgspec.Meta(min_length=1, max_length=50)]
    grades: tuple[Grade, ...] = ()
    title: Title = ""
    title_zh: Title = ""
    least_weight: Annotated[float, msgspec.Meta(ge=0, le=100)] = 30.0
    least_data: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    attendance: AttendanceRules = AttendanceRules()
    post: PostRules = PostRules()
    walk: WalkRules = WalkRules()
    version: Annotated[int, msgspec.Meta(ge=0)] = 0

    def grade(self, points: float) -> Grade | None:
        """The grade of so many points; None where the scheme has none for it."""
        reached = [one for one in self.grades if points >= one.least]
        return max(reached, key=lambda one: one.least) if reached else None
