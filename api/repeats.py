"""Query parameters that stand once: said twice, nobody can know which was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.problems import invalid


async def unrepeated(request: Request) -> None:
    """Raises a 422 problem for a parameter that is no list and comes more than once."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) == len(set(names)):
        return
    route = request.scope.get("route")
    lists = frozenset(_lists(route.dependant)) if isinstance(route, APIRoute) else frozenset()
    for name in names:
        if names.count(name) > 1 and name not in lists:
            raise invalid(name[:60], "expected it once", f"{names.count(name)} times")


def _lists(dependant: Dependant) -> Iterator[str]:
    """The names of parameters that may be repeated, of a route and what it depends on."""
    for below in dependant.dependencies:
        yield from _lists(below)
    for parameter in dependant.query_params:
        kind: Any = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                if _is_list(field.annotation):
                    yield field.alias or name
        elif _is_list(kind):
            yield parameter.alias


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list
