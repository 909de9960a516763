"""What is known of a report beyond its content: revision, hash, what changed, who signed, who appealed."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleet.reports.document import Cell, Form, Text

AppealState = Literal["open", "accepted", "rejected"]


class Change(msgspec.Struct, frozen=True):
    """A thing that a revision says otherwise than the one before it. ``where`` leads to it (words and names, in order).

    A row that was not there before has no ``before``, one that is gone no ``after``. ``form`` is that of both.
    """

    where: tuple[Text, ...]
    before: Cell
    after: Cell
    form: Form = Form()


class Signature(msgspec.Struct, frozen=True):
    """Somebody has signed a revision at ``at`` (µs). ``name`` is as they give it, ``actor`` as the audit does."""

    id: int
    revision: int
    at: int
    actor: str
    name: str
    comment: str = ""


class Appeal(msgspec.Struct, frozen=True):
    """Somebody does not agree. ``about`` is what with (a figure, a stop), in their words."""

    id: int
    revision: int
    at: int
    actor: str
    name: str
    about: str
    reason: str
    state: AppealState = "open"
    decided_at: int | None = None
    decided_by: str | None = None
    decision: str = ""


class Stamp(msgspec.Struct, frozen=True):
    """Which edition of a report this is; not part of what is hashed. ``made_at`` in µs.

    ``changes`` are those since revision ``number`` - 1; ``signatures`` and ``appeals`` those of all revisions.
    """

    number: int
    hash: str
    made_at: int
    made_by: str = ""
    changes: tuple[Change, ...] = ()
    signatures: tuple[Signature, ...] = ()
    appeals: tuple[Appeal, ...] = ()

    def signed_another(self) -> bool:
        """Whether somebody signed, and what they signed was another revision than this."""
        return bool(self.signatures) and all(one.revision != self.number for one in self.signatures)
