"""What a format is: from an edition of a report to bytes. A format is a file of ``fleet/reports/formats``."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from fleet.reports.document import Document
from fleet.reports.speech import Speech
from fleet.reports.stamp import Stamp
from fleet.reports.words import Language


class Edition(msgspec.Struct, frozen=True):
    """A document with its stamp, to be shown in a language.

    ``table`` picks one table, ``bom`` marks text as UTF-8 for Excel; both concern CSV only.
    """

    document: Document
    stamp: Stamp
    language: Language = "en"
    table: str | None = None
    bom: bool = True


class Format(msgspec.Struct, frozen=True):
    """A format: its name (``xlsx``), how its bytes are called, and how they are written.

    ``write`` raises ValueError for an edition that it cannot show (a table that is not there). The same edition gives
    the same bytes. ``media_type`` and ``suffix`` may depend on the edition.
    """

    name: str
    media_type: Callable[[Edition], str]
    suffix: Callable[[Edition], str]
    write: Callable[[Edition], bytes]


@cache
def formats() -> Mapping[str, Format]:
    """All formats by name."""
    package = import_module("fleet.reports.formats")
    modules = (import_module(f"fleet.reports.formats.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {module.FORMAT.name: module.FORMAT for module in modules if hasattr(module, "FORMAT")}


def always(value: str) -> Callable[[Any], str]:
    """The same for every edition."""
    return lambda edition: value


def file_name(edition: Edition) -> str:
    """A name for the file: kind, first local day, revision, language; plain ASCII whatever the subject is called."""
    day = Speech(edition.language, edition.document).local(edition.document.start)
    return f"{edition.document.kind.replace('_', '-')}-{day:%Y%m%d}-r{edition.stamp.number}-{edition.language}"
