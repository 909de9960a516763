"""The categories that an incident may have: a line of ``categories.yaml`` each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec
import yaml


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category: ``id`` is for programs and for ever, the names are for people."""

    id: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9-]{1,39}\Z")]
    zh: str
    en: str


@cache
def categories() -> Mapping[str, Category]:
    """All of them by id, in the order in which people should see them."""
    text = (files("fleet.incidents") / "categories.yaml").read_text(encoding="utf-8")
    found = msgspec.convert(yaml.safe_load(text), list[Category])
    return {category.id: category for category in found}
