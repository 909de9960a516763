"""What a kind of report is: from what was judged or counted to a document. A kind is a file of ``fleet/reports/kinds``.

Long spans come in pieces (a vehicle's day, a toilet's week). ``reduce`` turns a piece of stored data into what the
report needs of it, so that no more than one piece is in memory at a time; ``build`` makes the document of what is left.
Both are pure, and the order of the pieces changes nothing.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from fleet.reports.document import Document
from fleet.reports.revision import Order


class Kind(msgspec.Struct, frozen=True):
    """A kind of report.

    ``title`` is its word. ``choices`` are the fields of :attr:`Order.subject` that it knows, ``required`` those that it
    cannot do without. ``part`` is the class of what ``reduce`` returns and ``build`` takes.
    """

    name: str
    title: str
    part: type
    build: Callable[[Order, Sequence[Any]], Document]
    reduce: Callable[[Order, Any], Any] = lambda order, piece: piece
    choices: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


_MOST = 5  #: names that an error tells


class OrderError(ValueError):
    """A report was ordered that cannot be made; the message names the field."""


def no_such(field: str, wanted: str, known: Iterable[str]) -> OrderError:
    """There is none of that name: which was perhaps meant, or which there are."""
    there = sorted(known)
    close = get_close_matches(wanted, there, 1)
    more = " ..." if len(there) > _MOST else ""
    hint = f"there are {', '.join(there[:_MOST])}{more}" if there else "there are none yet"
    return OrderError(f"{field}: there is no {field} {wanted!r}; {f'did you mean {close[0]}?' if close else hint}")


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name."""
    package = import_module("fleet.reports.kinds")
    modules = (import_module(f"fleet.reports.kinds.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}


def checked(order: Order) -> Kind:
    """The kind of an order. Raises OrderError, naming the field and what was expected."""
    kind = kinds().get(order.kind)
    if kind is None:
        raise OrderError(f"kind: there is no {order.kind!r}; expected one of {', '.join(sorted(kinds()))}")
    if order.start >= order.end:
        raise OrderError("from: expected an instant before the end")
    for name in order.subject:
        if name not in kind.choices:
            expected = ", ".join(kind.choices) or "none"
            raise OrderError(f"{name}: {order.kind} knows no such choice; expected {expected}")
    for name in kind.required:
        if not order.subject.get(name):
            raise OrderError(f"{name}: is needed for {order.kind}")
    return kind
