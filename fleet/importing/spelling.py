"""How tables and lists may spell what the structs have: a shift's end for its length, a plan's date or lacking id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.importing.clock_words import DAY_MIN, listed, minutes
from fleet.importing.gathering import Spot
from fleet.master.collection import Section


def spelt_out(section: Section, given: Mapping[str, Any], spot: Spot) -> dict[str, Any]:
    """The fields as the struct names them."""
    if section == "shifts":
        return _shift(dict(given), spot)
    if section == "plans":
        if "date" in given:
            spot.names = {"on": "date"}
        return _plan(dict(given))
    return dict(given)


def _shift(given: dict[str, Any], spot: Spot) -> dict[str, Any]:
    end = given.pop("end", None)
    if end is None or given.get("length") is not None:
        return given
    try:
        start, until = minutes(given.get("start")), minutes(end)
    except ValueError as error:
        spot.fault("end", str(error))
        return given | {"length": 1}  # the fault is told; one is enough
    return given | {"length": until - start if until > start else until - start + DAY_MIN}


def _plan(given: dict[str, Any]) -> dict[str, Any]:
    if "date" in given:
        given.setdefault("on", given.pop("date"))
    if given.get("id") is None:
        try:
            workers = "+".join(map(str, listed(given.get("workers"))))
        except TypeError:
            workers = ""
        doing = next((part for part in (given.get("vehicle"), given.get("crew"), workers) if part), "")
        what = given.get("route") or given.get("area") or ""
        day = str(given.get("on", "")).replace("/", "-")
        given["id"] = f"{day}:{given.get('shift', '')}:{what}:{doing}"[:128]
    return given
