"""Cursors: where a list goes on, as text that callers hand back unread.

A cursor is the sort key of the last item shown, so rows that arrive in between are neither skipped nor shown twice.
It comes back from outside: every part is checked for type and range before it goes near the database.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from devices.read_models import CursorError, Page
from store.reading import Row

LEAST_SEQ = -(2**63)
LEAST_VARIANT = -(2**31)
MAX_CURSOR_CHARS = 400

_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_Micros = Annotated[int, Meta(ge=-1, le=253_402_300_799_000_000)]  # up to the end of the year 9999
_Text = Annotated[str, Meta(max_length=200, pattern=r"\A[^\x00]*\Z")]  # PostgreSQL's text holds no NUL


class DeviceCursor(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """Behind the device with this id."""

    id: _Text


class ReadingCursor(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """Behind the reading of this instant and value."""

    observed_at: _Micros
    value: float


class FixCursor(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Behind the fix of this instant, sequence number (``LEAST_SEQ`` for none) and variant."""

    observed_at: _Micros
    seq: _Int64
    variant: _Int32


class EventCursor(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """Before the event of this instant, kind and variant (events run backwards)."""

    observed_at: _Micros
    kind: _Text
    variant: _Int32


class LetterCursor(msgspec.Struct, frozen=True, array_like=True, tag="l"):
    """Before the dead letter with this id (dead letters run backwards)."""

    id: _Int64


class AuditCursor(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """Before the audit's entry with this id (the audit runs backwards)."""

    id: _Int64


class AlertCursor(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """Before the alert of this instant and id (alerts run backwards)."""

    raised_at: _Micros
    id: _Int64


class ShelfCursor(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """Before the shelf with this id (the newest come first)."""

    id: _Int64


class PlanCursor(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """Behind the plan of this date (YYYY-MM-DD) and id."""

    on: _Text
    id: _Text


class RuleSetCursor(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """Before the set of rules of this version (the newest come first)."""

    version: _Int32


class EmptyingCursor(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """Before the emptying of this instant and device key (emptyings run backwards)."""

    at: _Micros
    key: _Int32


class ReportCursor(msgspec.Struct, frozen=True, array_like=True, tag="u"):
    """Before the report with this id (the newest come first)."""

    id: _Int64


class RecordCursor(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    """Before the task, finding or appeal with this id (the newest come first)."""

    id: _Int64


class KeyCursor(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """Behind the key with this id (keys run by age)."""

    id: _Int64


class OrderCursor(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """Behind the work order of this planned start and id."""

    start: _Micros
    id: _Text


class CandidateCursor(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """Behind the vehicle that is so far away (m), and this one."""

    away_m: float
    vehicle: _Text


class SpellCursor(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """Before the trip or stop that began then (the newest come first)."""

    started_at: _Micros


Cursor = TypeVar("Cursor", bound=msgspec.Struct)
Entry = TypeVar("Entry")


def write(cursor: msgspec.Struct) -> str:
    """A cursor as base64url text without padding."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode("ascii")


def read(text: str | None, start: Cursor) -> Cursor:
    """The cursor in ``text``, or ``start`` without one. Raises CursorError for what :func:`write` cannot make."""
    if text is None:
        return start
    if len(text) > MAX_CURSOR_CHARS:
        raise CursorError
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=type(start))
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorError from error


def page(
    rows: Sequence[Row], limit: int, entry: Callable[[Row], Entry], after: Callable[[Entry], msgspec.Struct]
) -> Page[Entry]:
    """A page of rows that were read one more than ``limit``: each as ``entry`` makes it, ``after`` the last of them."""
    items = tuple(entry(row) for row in rows[:limit])
    return Page(items, write(after(items[-1])) if len(rows) > limit else None)
